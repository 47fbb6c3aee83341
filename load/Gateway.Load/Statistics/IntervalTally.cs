namespace Gateway.Load.Statistics;

/// <summary>What happened in one interval of a run, or in several workers' same interval.</summary>
internal sealed record IntervalTally
{
    /// <summary>From 0, at the start of the scenario.</summary>
    public required int Index { get; init; }

    /// <summary>Calls that were to be sent in it.</summary>
    public long Offered { get; init; }

    /// <summary>Calls answered in it.</summary>
    public long Answered { get; init; }

    /// <summary>Those of them within their deadline; all, where there is none.</summary>
    public long InTime { get; init; }

    public long Refused { get; init; }

    public long Failed { get; init; }

    /// <summary>Of the calls answered, from the time at which they were to be sent.</summary>
    public required SparseHistogram Latency { get; init; }

    /// <summary>Adds up those of the same interval, in order of time.</summary>
    public static IReadOnlyList<IntervalTally> Merge(IEnumerable<IntervalTally> intervals) =>
        [.. intervals.GroupBy(interval => interval.Index).OrderBy(group => group.Key).Select(group => group.Aggregate((one, other) => one.Plus(other)))];

    /// <summary>Both together.</summary>
    public IntervalTally Plus(IntervalTally other) => this with
    {
        Offered = Offered + other.Offered,
        Answered = Answered + other.Answered,
        InTime = InTime + other.InTime,
        Refused = Refused + other.Refused,
        Failed = Failed + other.Failed,
        Latency = Latency.Plus(other.Latency),
    };
}
