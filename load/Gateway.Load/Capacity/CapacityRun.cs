using Gateway.Load.Results;
using Gateway.Load.Running;

namespace Gateway.Load.Capacity;

/// <summary>Measures the capacity over one carrier: saturated, then the knee several times over, then the curve.</summary>
/// <param name="name">The carrier's.</param>
/// <param name="seconds">Least length of a trial.</param>
/// <param name="repeats">How often the knee is searched for.</param>
internal sealed class CapacityRun(ITrialLoad load, string name, Objective objective, double seconds, int repeats, IRunDisplay display)
{
    // Where the search begins, as a share of what the server does saturated.
    private const double FirstShare = 0.7;
    private const double NextShare = 0.85;

    // So far from the objective a trial is believed at once.
    private const double ClearlyBelow = 0.5;
    private const double ClearlyAbove = 2;
    private static readonly double[] Curve = [0.1, 0.25, 0.5, 0.75, 0.9, 1.1];

    // Fewer misses than this that a trial may have: its share is hardly known.
    private const double FewMisses = 10;

    private readonly TrialRunner _runner = new(load, name, objective, seconds);
    private readonly List<TrialResult> _trials = [];
    private readonly List<double> _knees = [];

    /// <summary>Why figures cannot be vouched for; null when they can.</summary>
    public string? Doubt => _runner.Doubt;

    /// <summary>Why it ended before its end; null when it did not.</summary>
    public string? Partial { get; private set; }

    /// <param name="callers">To saturate it with, at first.</param>
    /// <param name="serverCores">That the server may use; 0 where that is not known.</param>
    public CapacityOf Measure(Callers callers, double serverCores)
    {
        double clientRate = 0;
        TrialResult? saturated = null;
        try
        {
            clientRate = ClientRate(callers.Connections);
            _trials.Add(saturated = _runner.Saturate(callers));
            display.Say($"{name}: saturated over {Quantity.Number(_runner.Connections)} connections: {Quantity.Number(saturated.Throughput)}/s");
            if (_runner.Connections != callers.Connections)
            {
                // Over more of them a client that was fast enough may not be.
                load.Settle(objective);
                clientRate = ClientRate(_runner.Connections);
            }

            double start = Math.Max(1, saturated.Throughput * FirstShare);
            for (int i = 0; i < repeats && (_knees.Count == 0 || _knees[^1] > 0); i++)
            {
                _knees.Add(new KneeSearch(Try).Find(start, Math.Max(1, clientRate)));
                display.Say($"{name}: knee {i + 1} of {repeats}: {Quantity.Number(_knees[^1])}/s");
                start = Math.Max(1, Median(_knees) * NextShare);
            }

            double knee = Median(_knees);
            foreach (double share in knee > 0 ? Curve : []) _trials.Add(_runner.AtRate(share * knee, isCurve: true));
        }
        catch (OperationCanceledException)
        {
            Partial = "stopped before its end";
        }
        catch (LoadException exception)
        {
            Partial = exception.Message;
        }

        return Result(saturated, clientRate, serverCores);
    }

    private double ClientRate(int connections)
    {
        double rate = load.ClientRate(connections);
        display.Say($"{name}: the client makes {Quantity.Number(rate)}/s over {Quantity.Number(connections)} connections against a server that does nothing");
        return rate;
    }

    private CapacityOf Result(TrialResult? saturated, double clientRate, double serverCores)
    {
        double median = Median(_knees);
        TrialResult? hard = LimitFinder.Hardest(_trials, median, saturated);
        bool isClient = hard is not null && LimitFinder.IsClient(hard, clientRate);
        bool isShort = hard is not null && !isClient && _runner.IsShortOfConnections(hard);
        string limit = hard is null ? "not measured"
            : isShort ? $"the client: {Quantity.Number(hard.Connections)} connections (--connections)"
            : LimitFinder.Explain(hard, clientRate, serverCores, objective.Seconds * 1000);
        bool isShared = hard is not null && !isClient && !isShort && LimitFinder.IsShared(hard, serverCores);
        double spread = median > 0 ? (_knees.Max() - _knees.Min()) / median : 0;
        TrialResult? atKnee = _trials.Where(trial => trial.Rate > 0 && trial.Holds).MinBy(trial => Math.Abs(trial.Rate - median));
        bool isAtLeast = median > 0 && ((clientRate > 0 && median >= Math.Max(1, clientRate)) || isClient || isShort || isShared);
        bool isSaturationAtLeast = saturated is not null && (_runner.IsShort || LimitFinder.IsClient(saturated, clientRate));
        return new CapacityOf(name, median, _knees, spread, saturated?.Throughput ?? 0, limit, [.. _trials])
        {
            ClientRate = clientRate,
            IsSaturationAtLeast = isSaturationAtLeast,
            BatchRows = atKnee?.BatchRows ?? 0,
            Connections = _runner.Connections,
            IsAtLeast = isAtLeast,
            Warnings = [.. Warnings(median, isAtLeast, isShort, isShared), .. isSaturationAtLeast ? [SaturationWarning(saturated!, clientRate)] : Array.Empty<string>()],
        };
    }

    private IEnumerable<string> Warnings(double median, bool isAtLeast, bool isShort, bool isShared)
    {
        if (isAtLeast && isShared) yield return $"{name}: the machine was full, and not of the server alone: its knee is at least {Quantity.Number(median)}/s; put the client on another machine to find it";
        else if (isAtLeast) yield return $"{name}: the client was the limit: the server's knee is at least {Quantity.Number(median)}/s; give the client more ({(isShort ? "--connections" : "--threads, another machine")}) to find it";
        if (_runner.Disturbance is { } disturbance) yield return disturbance;
        double misses = (1 - objective.Share) * median * _runner.Length(median, isCurve: false);
        if (median > 0 && misses < FewMisses) yield return $"{name}: a trial at the knee may have {Quantity.Number(misses)} misses, which are too few to be sure of: the knee is known only roughly; a longer --trial tells more";
    }

    private string SaturationWarning(TrialResult saturated, double clientRate) =>
        $"{name}: saturated it does at least {Quantity.Number(saturated.Throughput)}/s: the client, {Quantity.Share(saturated.ClientBusy)} busy, makes {Quantity.Number(clientRate)}/s over {Quantity.Number(saturated.Connections)} connections against a server that does nothing{(_runner.IsShort ? ", and more connections did more" : "")}";

    private KneeSearch.Trial Try(double rate)
    {
        TrialResult trial = _runner.AtRate(rate, isCurve: false);
        _trials.Add(trial);
        double limit = objective.Seconds * 1000;
        string seen = trial.Hopeless ?? (trial.ObjectiveMilliseconds > 0 ? $"p{Quantity.Number(objective.Share * 100)} {Quantity.Seconds(trial.ObjectiveMilliseconds / 1000)}" : "too many without an answer");
        display.Say($"{name}: {Quantity.Number(rate)}/s: {seen}: {(trial.Holds ? "holds" : "misses")}");
        bool isClear = trial.Holds ? trial.ObjectiveMilliseconds < ClearlyBelow * limit : trial.Hopeless is not null && !trial.IsDisturbed && trial.P50Milliseconds > ClearlyAbove * limit;
        return new KneeSearch.Trial(trial.Holds, isClear);
    }

    private static double Median(List<double> values)
    {
        if (values.Count == 0) return 0;
        double[] sorted = [.. values.Order()];
        return sorted[(sorted.Length - 1) / 2];
    }
}
