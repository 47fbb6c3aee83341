using Gateway.Load.Carriers.Null;
using Gateway.Load.Payloads;
using Gateway.Load.Results;
using Gateway.Load.Scenarios;
using Gateway.Load.Sockets;

namespace Gateway.Load.Running;

/// <summary>Tries the client out against a server in this process that only answers: what it cannot do there it cannot do anywhere.</summary>
internal static class ClientProof
{
    private const double WarmUpSeconds = 0.5;

    // Below this rate a second has too few calls to tell anything; a client that can do this much can do less.
    private const double LeastRate = 200;

    // A machine where others work too has bad seconds; a client that is too slow has nothing but.
    private const int Attempts = 3;
    private const double Hopeless = 0.5;

    // Share of the calls that must be answered in their second; of fewer calls than this a share says nothing.
    private const double LeastShare = 0.98;
    private const long LeastCalls = 500;

    // So many bursts, where calls come in bursts and the time for them is not too long.
    private const double Bursts = 4;
    private const double MostSeconds = 4;

    // So many calls may be late for the percentile that is claimed, where the time for as many is not too long: one alone is a moment of the machine's.
    private const double LateCalls = 2;

    /// <summary>A client later than this, in more calls than the claimed percentile leaves, measures itself, unless the latencies are ten times as long.</summary>
    public const double MostLagMicroseconds = 1000;

    /// <param name="stop">Ends it early.</param>
    /// <param name="load">Another load than the scenario's own.</param>
    public static ProofResult Try(Preparation prepared, TimeProvider time, CancellationToken stop, LoadSimulation? load = null)
    {
        ScenarioPlan plan = load is null ? prepared.Plan : prepared.Plan with { Simulations = [load] };
        double wanted = plan.HighestRate;
        LoadSimulation simulation = Simulation(plan);
        ProofResult best = Once(prepared, simulation, wanted, time, plan.Seed, stop);
        for (int i = 1; i < Attempts && !best.IsGood && best.Rate > Hopeless * wanted && !stop.IsCancellationRequested; i++)
        {
            ProofResult again = Once(prepared, simulation, wanted, time, Seed.Of(plan.Seed, i), stop);
            if (again.IsGood || again.Rate > best.Rate) best = again;
        }

        return best;
    }

    /// <summary>The hardest of a scenario's load, of equal rates the one with the largest bursts, for as long as it takes to see whether the client can.</summary>
    public static LoadSimulation Simulation(ScenarioPlan plan)
    {
        LoadSimulation hardest = plan.Simulations.Where(simulation => simulation.IsOpen).MaxBy(simulation => (simulation.HighestRate, simulation.Arrivals == ArrivalKind.Burst ? simulation.Burst : 1)) ?? plan.Simulations.MaxBy(simulation => simulation.Copies)!;
        if (!hardest.IsOpen) return new LoadSimulation(SimulationKind.KeepConstant, WarmUpSeconds + 1) { Copies = Math.Max(1, hardest.Copies) };
        double rate = Math.Max(plan.HighestRate, LeastRate);
        double calls = Math.Max(LateCalls / (1 - plan.Claim), hardest.Arrivals == ArrivalKind.Burst ? Bursts * hardest.Burst : 0);
        double seconds = Math.Clamp(calls / rate, 1, MostSeconds);
        return new LoadSimulation(SimulationKind.Inject, WarmUpSeconds + seconds) { Rate = rate, Arrivals = hardest.Arrivals, Burst = hardest.Burst };
    }

    /// <summary>Whether a client that did this against a server that does nothing can offer the load. Judged by the calls that were due, not by the rate: few random arrivals are seldom as many as their mean.</summary>
    /// <param name="wanted">Calls a second that it is to offer; 0 for as many as it can.</param>
    /// <param name="claim">As of <see cref="Vouching.Doubt"/>.</param>
    public static ProofResult Judge(ScenarioResult result, double wanted, double claim = ScenarioPlan.LeastClaim)
    {
        double lag = result.Lag.ToHistogram().Microseconds(claim);
        double p99 = result.Latency.ToHistogram().Microseconds(0.99);
        bool isPunctual = lag <= AllowedLag(result);
        bool isAnswered = result.Answered >= LeastShare * result.Offered;

        // The answers to a burst near the end come after it.
        bool isAnsweredAtOnce = result.Offered < LeastCalls || result.Burst > 1 || result.AnsweredInWindow >= LeastShare * result.Offered;
        bool isGood = wanted == 0 || (isPunctual && isAnswered && isAnsweredAtOnce);
        string text = wanted == 0
            ? $"against a server that does nothing the client makes {Quantity.Number(result.Throughput)}/s"
            : $"to a server that does nothing the client offered {Quantity.Number(result.OfferedRate)}/s{(wanted < LeastRate ? $" (for {Quantity.Number(wanted)}/s)" : "")}, {Quantity.Number(result.Throughput)}/s were answered, and {Quantity.Share(1 - claim)} were sent later than {Quantity.Seconds(lag / 1e6)}";
        return new ProofResult(wanted, result.Throughput, result.Lag.ToHistogram().Microseconds(0.99), p99, result.ClientCpuMicroseconds, isGood, text);
    }

    /// <summary>How late the calls beyond the claimed percentile may be sent, in microseconds: those of a burst are sent one after another, which takes its time.</summary>
    public static double AllowedLag(ScenarioResult result) => MostLagMicroseconds + ((result.Burst - 1) * result.ClientCpuMicroseconds);

    private static ProofResult Once(Preparation prepared, LoadSimulation simulation, double wanted, TimeProvider time, int seed, CancellationToken stop)
    {
        ScenarioPlan plan = prepared.Plan;
        Preparation own = prepared.ForNullServer();
        using NullServer server = new(() => plan.Carrier.CreateResponder(prepared.Answer), plan.Target.IsTls ? TlsServer.Create(plan.Carrier.TlsProtocol) : null, plan.Threads);
        ScenarioRun run = new(own, server.EndPoint, [simulation], WarmUpSeconds, plan.Verify, time, time.GetTimestamp() + (time.TimestampFrequency / 10), seed);
        using (stop.Register(run.Stop)) run.Join();
        if (run.Failure is { } failure) throw new LoadException(ExitCode.ClientIsTheLimit, $"the client fails against a server that does nothing: {failure}");
        return Judge(run.Result(null), wanted, plan.Claim);
    }
}
