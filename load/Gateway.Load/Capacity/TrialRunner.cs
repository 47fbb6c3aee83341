using Gateway.Load.Results;
using Gateway.Load.Running;
using Gateway.Load.Scenarios;
using Gateway.Load.ServerMetrics;
using Gateway.Load.Statistics;

namespace Gateway.Load.Capacity;

/// <summary>Runs stretches of load against a prepared scenario's server, one after another.</summary>
/// <param name="metrics">Null where the server's could not be had.</param>
internal sealed class TrialRunner(Preparation prepared, Objective objective, double seconds, MetricsSource? metrics, TimeProvider time, CancellationToken stop)
{
    private const double WarmUpSeconds = 1;

    // Misses beyond this many times what the whole trial may have: no rest of it can bring the share back.
    private const double Hopeless = 1.5;

    // The client's lateness that could turn a trial, as a share of the objective.
    private const double LagShare = 0.2;
    private const int Attempts = 3;
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(200);

    private double _lagSeconds;

    /// <summary>Why the client, not the server, decided a trial; null when it did not.</summary>
    public string? Doubt { get; private set; }

    /// <summary>One rate in the open model. A trial that misses while the client itself was late says nothing, and is made again.</summary>
    public TrialResult AtRate(double rate, bool isCurve)
    {
        LoadSimulation simulation = new(SimulationKind.Inject, WarmUpSeconds + seconds) { Rate = rate };
        for (int attempt = 1; ; attempt++)
        {
            TrialResult trial = Run(simulation, rate, isCurve);
            if (trial.Holds || _lagSeconds <= LagShare * objective.Seconds) return trial;
            if (attempt < Attempts) continue;
            Doubt = $"{prepared.Plan.Name}: at {Quantity.Number(rate)}/s the client fell behind, {Attempts} times: 1 % of the calls were sent more than {Quantity.Seconds(_lagSeconds)} late";
            return trial;
        }
    }

    /// <summary>As many calls under way as are useful.</summary>
    public TrialResult Saturated(int copies) =>
        Run(new LoadSimulation(SimulationKind.KeepConstant, WarmUpSeconds + seconds) { Copies = copies }, 0, isCurve: true);

    private TrialResult Run(LoadSimulation simulation, double rate, bool isCurve)
    {
        stop.ThrowIfCancellationRequested();
        ScenarioRun run = new(prepared, prepared.Server, [simulation], WarmUpSeconds, verify: false, time, time.GetTimestamp() + (time.TimestampFrequency / 20));
        MetricsSample? before = metrics?.TryRead();
        string? hopeless = null;
        double mostMisses = Math.Max(20, Hopeless * (1 - objective.Share) * rate * seconds);
        while (!run.IsOver)
        {
            Task.Delay(Look, time, CancellationToken.None).GetAwaiter().GetResult();
            IEnumerable<IntervalTally> counted = run.Intervals.Where(interval => interval.Index * run.IntervalSeconds >= WarmUpSeconds);
            if (rate > 0 && hopeless is null && objective.Misses(counted) is var misses && misses > mostMisses)
            {
                hopeless = $"{Quantity.Number(misses)} calls had missed the objective";
                run.Stop();
            }

            if (stop.IsCancellationRequested) run.Stop();
        }

        run.Join();
        MetricsSample? after = metrics?.TryRead();
        if (run.Failure is { } failure) throw new LoadException(ExitCode.Partial, $"{prepared.Plan.Name}: {failure}");
        stop.ThrowIfCancellationRequested();
        ScenarioResult result = run.Result(null);
        ServerResult? server = before is not null && after is not null ? ServerReading.Read(metrics!.Url, [before, after], prepared.Models, 0, double.MaxValue) : null;
        _lagSeconds = result.Lag.ToHistogram().Nanoseconds(0.99) / 1e9;
        LatencyHistogram latency = result.Latency.ToHistogram();
        double shown = objective.Milliseconds(result);
        return new TrialResult(
            rate, result.Throughput, latency.CountWithin(objective.Seconds * 1e9) / Math.Max(1e-9, result.Seconds),
            latency.Nanoseconds(0.5) / 1e6, latency.Nanoseconds(0.9) / 1e6, latency.Nanoseconds(0.99) / 1e6, latency.Nanoseconds(0.999) / 1e6,
            result.ErrorShare + result.RefusedShare, hopeless is null && objective.Holds(result), isCurve)
        {
            ObjectiveMilliseconds = double.IsFinite(shown) ? shown : 0,
            ServerCpuCores = server?.CpuCores ?? -1,
            BatchRows = server?.BatchRows ?? 0,
            QueueMilliseconds = server?.Stages.FirstOrDefault(stage => stage.Name == "queue")?.Milliseconds ?? 0,
            InstancesBusy = server?.InstancesBusy ?? 0,
            ClientBusy = result.ClientBusy,
            Hopeless = hopeless,
        };
    }
}
