using System.Net;
using Gateway.Load.Machine;
using Gateway.Load.Results;
using Gateway.Load.Running;
using Gateway.Load.Scenarios;
using Gateway.Load.ServerMetrics;

namespace Gateway.Load.Capacity;

/// <summary>Measures the capacity over one carrier: saturated, then the knee several times over, then the curve.</summary>
/// <param name="seconds">Length of a trial.</param>
/// <param name="repeats">How often the knee is searched for.</param>
internal sealed class CapacityRun(Objective objective, double seconds, int repeats, Uri? metricsUrl, TimeProvider time, IRunDisplay display, CancellationToken stop)
{
    // Where the search begins, as a share of what the server does saturated.
    private const double FirstShare = 0.7;
    private const double NextShare = 0.85;

    // So far from the objective a trial is believed at once.
    private const double ClearlyBelow = 0.5;
    private const double ClearlyAbove = 2;
    private const int MostCopies = 512;
    private static readonly double[] Curve = [0.1, 0.25, 0.5, 0.75, 0.9, 1.1];

    private readonly List<TrialResult> _trials = [];

    /// <summary>Why figures cannot be vouched for; null when they can.</summary>
    public string? Doubt { get; private set; }

    /// <summary>Why it ended before its end; null when it did not.</summary>
    public string? Partial { get; private set; }

    public CapacityOf Measure(ScenarioPlan plan)
    {
        _trials.Clear();
        Preparation prepared = Preparation.Create(plan, time);
        int copies = plan.Carrier.IsMultiplexed ? Math.Min(MostCopies, plan.AllConnections * plan.Window) : plan.AllConnections;
        double clientRate = ClientProof.Try(Preparation.Create(plan with { Simulations = [new LoadSimulation(SimulationKind.KeepConstant, 1) { Copies = copies }] }, time), time).Rate;
        display.Say($"{plan.Carrier.Name}: the client makes {Quantity.Number(clientRate)}/s against a server that does nothing");
        using MetricsSource? metrics = metricsUrl is null ? null : MetricsSource.TryOpen(metricsUrl, time);
        TrialRunner runner = new(prepared, objective, seconds, metrics, time, stop);
        List<double> knees = [];
        TrialResult? saturated = null;
        try
        {
            // The first warms the server up; the second counts.
            runner.Saturated(copies);
            _trials.Add(saturated = runner.Saturated(copies));
            display.Say($"{plan.Carrier.Name}: saturated with {copies} calls under way: {Quantity.Number(saturated.Throughput)}/s");
            double start = Math.Max(1, saturated.Throughput * FirstShare);
            for (int i = 0; i < repeats && (knees.Count == 0 || knees[^1] > 0); i++)
            {
                knees.Add(new KneeSearch(rate => Try(runner, rate, plan)).Find(start, Math.Max(1, clientRate)));
                display.Say($"{plan.Carrier.Name}: knee {i + 1} of {repeats}: {Quantity.Number(knees[^1])}/s");
                start = Math.Max(1, Median(knees) * NextShare);
            }

            double knee = Median(knees);
            foreach (double share in knee > 0 ? Curve : []) _trials.Add(runner.AtRate(share * knee, isCurve: true));
        }
        catch (OperationCanceledException)
        {
            Partial = "stopped before its end";
        }
        catch (LoadException exception) when (exception.ExitCode == ExitCode.Partial)
        {
            Partial = exception.Message;
        }

        Doubt = runner.Doubt;
        return Result(plan.Carrier.Name, knees, saturated, clientRate, IsLocal(prepared.Server) ? Processor.Cores - (saturated?.ClientBusy ?? 0) : 0);
    }

    private CapacityOf Result(string name, List<double> knees, TrialResult? saturated, double clientRate, double cores)
    {
        double median = Median(knees);
        TrialResult? hard = saturated ?? (_trials.Count > 0 ? _trials[^1] : null);
        string limit = hard is null ? "not measured" : LimitFinder.Explain(hard, clientRate, cores, objective.Seconds * 1000);
        double spread = median > 0 ? (knees.Max() - knees.Min()) / median : 0;
        TrialResult? atKnee = _trials.Where(trial => trial.Rate > 0).MinBy(trial => Math.Abs(trial.Rate - median));
        return new CapacityOf(name, median, knees, spread, saturated?.Throughput ?? 0, limit, [.. _trials]) { BatchRows = atKnee?.BatchRows ?? 0 };
    }

    private KneeSearch.Trial Try(TrialRunner runner, double rate, ScenarioPlan plan)
    {
        TrialResult trial = runner.AtRate(rate, isCurve: false);
        _trials.Add(trial);
        double limit = objective.Seconds * 1000;
        display.Say($"{plan.Carrier.Name}: {Quantity.Number(rate)}/s: {(trial.Hopeless ?? (trial.ObjectiveMilliseconds > 0 ? $"p{Quantity.Number(objective.Share * 100)} {Quantity.Seconds(trial.ObjectiveMilliseconds / 1000)}" : "too many without an answer"))}: {(trial.Holds ? "holds" : "misses")}");
        bool isClear = trial.Holds ? trial.ObjectiveMilliseconds < ClearlyBelow * limit : trial.Hopeless is not null && trial.P50Milliseconds > ClearlyAbove * limit;
        return new KneeSearch.Trial(trial.Holds, isClear);
    }

    private static double Median(List<double> values)
    {
        if (values.Count == 0) return 0;
        double[] sorted = [.. values.Order()];
        return sorted[(sorted.Length - 1) / 2];
    }

    private static bool IsLocal(IPEndPoint server) => IPAddress.IsLoopback(server.Address);
}
