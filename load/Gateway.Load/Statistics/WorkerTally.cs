namespace Gateway.Load.Statistics;

/// <summary>What one worker counts while it runs.</summary>
/// <remarks><b>Threading</b>: the worker writes; <see cref="PublishedFrom"/> and <see cref="Misses"/> may be read by others on the way, everything once it has ended.</remarks>
internal sealed class WorkerTally(int steps)
{
    private readonly List<IntervalTally> _published = [];
    private volatile IReadOnlyList<long> _misses = [];

    /// <summary>From the time at which a call was to be sent to its answer; of several steps, to the last one's. Only those after the warm-up, as all that follow.</summary>
    public LatencyHistogram Latency { get; } = new();

    /// <summary>From the time at which it was sent: what a client that waits would have seen.</summary>
    public LatencyHistogram Service { get; } = new();

    /// <summary>From the time at which a refused call was to be sent to the refusal.</summary>
    public LatencyHistogram Refusals { get; } = new();

    /// <summary>How much later than intended the worker came to a call: the client's own lateness, whatever the connections did.</summary>
    public LatencyHistogram Lag { get; } = new();

    /// <summary>Of each step, where there are several.</summary>
    public IReadOnlyList<LatencyHistogram> Steps { get; } = [.. Enumerable.Range(0, steps > 1 ? steps : 0).Select(_ => new LatencyHistogram())];

    public KindTable Kinds { get; } = new();

    /// <summary>Calls that were to be sent.</summary>
    public long Offered { get; set; }

    public long Answered { get; set; }

    /// <summary>Answered within the deadline; all that are answered, where there is none.</summary>
    public long InTime { get; set; }

    public long Refused { get; set; }

    /// <summary>Errors, broken connections, no answer, wrong answers.</summary>
    public long Failed { get; set; }

    /// <summary>Not sent, for too many waited in the client, or its deadline passed there.</summary>
    public long NotSent { get; set; }

    /// <summary>Attempts beyond the first.</summary>
    public long Retries { get; set; }

    /// <summary>Answers checked, whatever came of it.</summary>
    public long Verified { get; set; }

    /// <summary>Those of them that were compared with no earlier one for the same payload.</summary>
    public long VerifiedByShape { get; set; }

    public long Wrong { get; set; }

    /// <summary>Calls that had no answer when the worker was told to stop; they are in no other count.</summary>
    public long CutOff { get; set; }

    /// <summary>How long ago the oldest of them had been due, in nanoseconds.</summary>
    public long OldestCutOff { get; set; }

    /// <summary>Most calls that waited for a connection at a time.</summary>
    public int MostWaiting { get; set; }

    /// <summary>Calls begun in all, warm-up included: what the client's CPU time is shared among.</summary>
    public long Sent { get; set; }

    /// <summary>Most connections that there were at a time.</summary>
    public int MostUp { get; set; }

    /// <summary>Calls that each of them could have at a time, as the server allowed it; 0 where that is not known.</summary>
    public int Window { get; set; }

    /// <summary>CPU time of the worker's thread.</summary>
    public TimeSpan Cpu { get; set; }

    /// <summary>Why the worker gave up; null when it did not.</summary>
    public string? GaveUp { get; set; }

    /// <summary>What counted against each of the thresholds that may end the run when the last interval ended; none before the first has. Never changed, but another is put in its place: to be read on the way too.</summary>
    public IReadOnlyList<long> Misses
    {
        get => _misses;
        set => _misses = value;
    }

    /// <summary>The intervals that have ended, from the <paramref name="from"/>th on.</summary>
    public IReadOnlyList<IntervalTally> PublishedFrom(int from)
    {
        lock (_published) return _published[from..];
    }

    public void Publish(IntervalTally interval)
    {
        lock (_published) _published.Add(interval);
    }
}
