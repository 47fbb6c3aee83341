using Gateway.Load.Capacity;
using Gateway.Load.Results;
using Gateway.Load.Running;
using Gateway.Load.Scenarios;
using Gateway.Load.ServerMetrics;

namespace Gateway.Load.Tuning;

/// <summary>Starts a gateway for each setting, and measures it saturated and at one rate that is the same for all.</summary>
/// <param name="scenario">What is sent; its target is set here.</param>
/// <param name="rate">Calls a second at which latencies are compared; 0 for half of what the first setting does saturated.</param>
internal sealed class TuneRun(string program, ScenarioPlan scenario, double seconds, double rate, TimeProvider time, IRunDisplay display, CancellationToken stop)
{
    private const double Share = 0.5;
    private const int MostCopies = 256;

    // What a trial is stopped early by; latencies here are compared, not held against anything.
    private static readonly Objective Any = new(0.01, 60);
    private double _rate = rate;

    /// <summary>Why a latency is the client's and not the server's; null when none is.</summary>
    public string? Doubt { get; private set; }

    public TuneResult Run(RepositoryCopy repository, string model, IReadOnlyList<TuneSetting> settings)
    {
        List<TunePoint> points = [];
        foreach (TuneSetting setting in settings)
        {
            if (stop.IsCancellationRequested) break;
            points.Add(Measure(repository, setting));
            TunePoint point = points[^1];
            display.Say($"{setting}: {point.Problem ?? $"{Quantity.Number(point.Throughput)}/s saturated, p99 {Quantity.Seconds(point.P99Milliseconds / 1000)} at {Quantity.Number(_rate)}/s"}");
        }

        return new TuneResult(model, ParetoFront.Mark(points));
    }

    private TunePoint Measure(RepositoryCopy repository, TuneSetting setting)
    {
        string config = "";
        try
        {
            config = setting.Apply(repository.Original);
            repository.Write(config);
            using GatewayProcess gateway = new(program, repository.Folder);
            string address = (scenario.Carrier.Scheme == "http" ? gateway.Http : gateway.Frames) ?? throw new LoadException(ExitCode.CannotStart, $"the gateway does not listen for {scenario.Carrier.Name}");
            if (!TargetAddress.TryParse(address, out TargetAddress? target, out string problem)) throw new LoadException(ExitCode.CannotStart, problem);
            ScenarioPlan plan = scenario with { Target = target };
            Preparation prepared = Preparation.Create(plan, time);
            using MetricsSource? metrics = gateway.Metrics is null ? null : MetricsSource.TryOpen(gateway.Metrics, time);
            TrialRunner runner = new(prepared, Any, seconds, metrics, time, stop);
            int copies = plan.Carrier.IsMultiplexed ? Math.Min(MostCopies, plan.AllConnections * plan.Window) : plan.AllConnections;
            runner.Saturated(copies);
            TrialResult saturated = runner.Saturated(copies);
            if (_rate == 0) _rate = Math.Max(1, saturated.Throughput * Share);
            TrialResult even = runner.AtRate(_rate, isCurve: true);
            Doubt ??= runner.Doubt;
            return new TunePoint($"{setting}", saturated.Throughput, even.P50Milliseconds, even.P99Milliseconds, false, config, null) { BatchRows = saturated.BatchRows };
        }
        catch (Exception exception) when (exception is LoadException or FormatException or OperationCanceledException or IOException)
        {
            // One setting that the gateway refuses ends nothing: it is a result too.
            return new TunePoint($"{setting}", 0, 0, 0, false, config, exception is OperationCanceledException ? "stopped" : exception.Message);
        }
    }
}
