using Gateway.Load.Carriers.Null;
using Gateway.Load.Results;
using Gateway.Load.Scenarios;
using Gateway.Load.Sockets;
using Gateway.Load.Statistics;

namespace Gateway.Load.Running;

/// <summary>Tries the client out against a server in this process that only answers: what it cannot do there it cannot do anywhere.</summary>
internal static class ClientProof
{
    private const double WarmUpSeconds = 0.5;
    private const double Seconds = 1;

    // A machine where others work too has bad seconds; a client that is too slow has nothing but.
    private const int Attempts = 3;

    // Share of the calls that must be answered in their second.
    private const double LeastShare = 0.98;

    /// <summary>A client later than this, 99 % of the time, measures itself, unless the latencies are ten times as long.</summary>
    public const double MostLagMicroseconds = 1000;

    public static ProofResult Try(Preparation prepared, TimeProvider time)
    {
        ScenarioPlan plan = prepared.Plan;
        LoadSimulation hardest = plan.Simulations.Where(simulation => simulation.IsOpen).MaxBy(simulation => simulation.Rate) ?? plan.Simulations.MaxBy(simulation => simulation.Copies)!;
        double wanted = plan.HighestRate;
        LoadSimulation simulation = hardest.IsOpen
            ? new LoadSimulation(SimulationKind.Inject, WarmUpSeconds + Seconds) { Rate = wanted, Arrivals = hardest.Arrivals, Burst = hardest.Burst }
            : new LoadSimulation(SimulationKind.KeepConstant, WarmUpSeconds + Seconds) { Copies = Math.Max(1, hardest.Copies) };
        ProofResult best = Once(prepared, simulation, wanted, time);
        for (int i = 1; i < Attempts && !best.IsGood; i++)
        {
            ProofResult again = Once(prepared, simulation, wanted, time);
            if (again.IsGood || again.Rate > best.Rate) best = again;
        }

        return best;
    }

    private static ProofResult Once(Preparation prepared, LoadSimulation simulation, double wanted, TimeProvider time)
    {
        using NullServer server = new(() => prepared.Plan.Carrier.CreateResponder(prepared.Answer), prepared.Plan.Target.IsTls ? TlsServer.Create(prepared.Plan.Carrier.TlsProtocol) : null);
        ScenarioRun run = new(prepared, server.EndPoint, [simulation], WarmUpSeconds, verify: false, time, time.GetTimestamp() + (time.TimestampFrequency / 10));
        run.Join();
        if (run.Failure is { } failure) throw new LoadException(ExitCode.ClientIsTheLimit, $"the client fails against a server that does nothing: {failure}");
        ScenarioResult result = run.Result(null);
        LatencyHistogram lag = result.Lag.ToHistogram();
        double lagP99 = lag.Microseconds(0.99);
        double p99 = result.Latency.ToHistogram().Microseconds(0.99);
        bool isGood = wanted == 0 || (result.Throughput >= LeastShare * result.OfferedRate && result.OfferedRate >= LeastShare * wanted * 0.9 && lagP99 <= MostLagMicroseconds);
        string text = wanted == 0
            ? $"against a server that does nothing the client makes {Quantity.Number(result.Throughput)}/s"
            : $"of {Quantity.Number(wanted)}/s the client offered {Quantity.Number(result.OfferedRate)}/s to a server that does nothing, {Quantity.Number(result.Throughput)}/s were answered, and 1 % were sent later than {Quantity.Seconds(lagP99 / 1e6)}";
        return new ProofResult(wanted, result.Throughput, lagP99, p99, result.ClientCpuMicroseconds, isGood, text);
    }
}
