namespace Gateway.Core.Scheduling;

/// <summary>How one model's requests are queued and batched: its configuration, in the batcher's own units.</summary>
/// <remarks>Immutable. Times are timestamp ticks of the batcher's <see cref="TimeProvider"/>.</remarks>
public sealed record BatchingPolicy
{
    /// <summary>Most rows of one run, at least 1.</summary>
    public required int MaxBatchRows { get; init; }

    /// <summary>Whether requests share batches at all; without, each runs alone.</summary>
    public bool IsDynamic { get; init; } = true;

    /// <summary>Sizes worth stopping at, ascending; empty when any size is as good as the rows in it.</summary>
    public IReadOnlyList<int> PreferredBatchSizes { get; init; } = [];

    /// <summary>The only sizes that are run, ascending, the last one <see cref="MaxBatchRows"/>: a batch is padded up to the next; empty for any size.</summary>
    public IReadOnlyList<int> AllowedBatchSizes { get; init; } = [];

    /// <summary>Longest time that a request waits for company while an instance is idle; 0 never waits.</summary>
    public long MaxQueueDelay { get; init; }

    /// <summary>Whether answers leave in the order in which the requests came.</summary>
    public bool PreservesOrdering { get; init; }

    /// <summary>Priority levels, at least 1.</summary>
    public int PriorityLevels { get; init; } = 1;

    /// <summary>Level of a request that names none, or one that does not exist.</summary>
    public int DefaultPriorityLevel { get; init; } = 1;

    /// <summary>Policy of each level; the first is level 1's.</summary>
    public IReadOnlyList<QueuePolicyTimes> QueuePolicies { get; init; } = [default];

    /// <summary>Time that a request without a deadline of its own has, from its arrival to its answer, in ticks; 0 for all the time there is.</summary>
    public long Objective { get; init; }

    /// <summary>
    /// Whether the model sets what Triton's own scheduling goes by (preferred sizes, a queue delay, time-outs in the queue): it then has its documented meaning, and
    /// deadlines only bound the wait. Without, they decide.
    /// </summary>
    public bool IsTritons => PreferredBatchSizes.Count > 0 || MaxQueueDelay > 0 || QueuePolicies.Any(level => level.Timeout > 0);

    /// <summary>Most requests waiting, all levels together: the bound that holds even where the model sets none.</summary>
    public int MaxQueueRequests { get; init; } = DefaultMaxQueueRequests;

    /// <summary>Most bytes of tensors waiting.</summary>
    public long MaxQueueBytes { get; init; } = DefaultMaxQueueBytes;

    /// <summary>Whether a failed batch is run again in halves, so that only the requests that make it fail get the error.</summary>
    public bool BisectsFailedBatches { get; init; } = true;

    /// <summary>Whether batches stop growing where the measured curve says that more rows do not make them faster a row.</summary>
    public bool FollowsLatencyCurve { get; init; } = true;

    /// <summary>Whether a request may be run in parts where those are faster than the whole: its rows can be put together again.</summary>
    public bool SplitsRows { get; init; } = true;

    /// <summary>From the first attempt to bring back an instance whose device was lost to the second; each further one waits twice as long.</summary>
    public TimeSpan FirstReloadPause { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Deep enough to ride out a burst of 80 ms at 50,000 requests a second, the fastest front door measured; a deeper queue only adds latency.</summary>
    public const int DefaultMaxQueueRequests = 4096;

    /// <summary>Batches that requests without a deadline are passed over for before one is theirs: a seventeenth of the rows, where others want everything.</summary>
    internal const int PatientTurn = 16;

    // Of the queue that is left to requests with deadlines, where such come.
    private const int LeftToDeadlines = 8;

    // Each part costs a wake-up, and its rows a copy.
    private const double PartsMustBeFaster = 1.1;

    /// <summary>256 MiB: with the request bound, 64 KiB a request.</summary>
    public const long DefaultMaxQueueBytes = 256L << 20;

    /// <summary>The level that a request of <paramref name="priority"/> is served at.</summary>
    public int LevelOf(int priority) => priority >= 1 && priority <= PriorityLevels ? priority : DefaultPriorityLevel;

    /// <summary>The time that a request of a level has which asks for <paramref name="requested"/> ticks (0: asks for nothing); 0 for no limit.</summary>
    public long TimeFor(int level, long requested)
    {
        long time = QueuePolicies[level - 1].Effective(requested);
        return time > 0 ? time : Objective;
    }

    /// <summary>Whether that time is the level's own time-out, which as in Triton bounds the wait in the queue; all others count from a request's arrival.</summary>
    internal bool CountsFromTheQueue(int level, long time) => time > 0 && time == QueuePolicies[level - 1].Timeout;

    /// <summary>Whether a request is over when the time that its client gave it is: a level's own time-out may not be for clients to shorten, or only put off.</summary>
    internal bool EndsWithClientsTime(int level) => QueuePolicies[level - 1] is { Timeout: <= 0 } or { AllowTimeoutOverride: true, DelaysOnTimeout: false };

    /// <summary>Whether as many requests wait at a level as its queue policy lets.</summary>
    internal bool IsLevelFull(int level, RequestQueue queue) => QueuePolicies[level - 1].MaxQueueSize is > 0 and int most && queue.CountAtLevel(level) >= most;

    /// <summary>Whether requests without a deadline fill their part of the queue.</summary>
    internal bool IsFullOfPatients(RequestQueue queue) => queue.HasDeadlines && queue.Patients.Count >= MaxQueueRequests - (MaxQueueRequests / LeftToDeadlines);

    /// <summary>The batch former for it.</summary>
    internal IBatchFormer MakeFormer(TimeProvider time) => IsTritons ? new FifoBatchFormer(this) : new DeadlineBatchFormer(this, time);

    /// <summary>The size that a batch of <paramref name="rows"/> is run at.</summary>
    public int PadTo(int rows)
    {
        // By index: an enumerator behind an interface is an allocation a batch.
        for (int i = 0; i < AllowedBatchSizes.Count; i++)
        {
            if (AllowedBatchSizes[i] >= rows) return AllowedBatchSizes[i];
        }

        return rows;
    }

    /// <summary>Rows that batches stop growing at.</summary>
    internal int BestRows(LatencyModel latency) => Math.Min(MaxBatchRows, FollowsLatencyCurve ? latency.BestBatchRows : latency.MostRows);

    /// <summary>Most rows of a batch: fewer than <see cref="MaxBatchRows"/> once more needed more memory than there was.</summary>
    internal int MostRows(LatencyModel latency) => Math.Min(MaxBatchRows, latency.MostRows);

    /// <summary>Most of so many rows of one request that one batch may have. What cannot be put together again is tried as a whole, whatever has failed before.</summary>
    internal int MostRowsOf(int rows, LatencyModel latency) => Math.Min(rows, SplitsRows ? MostRows(latency) : MaxBatchRows);

    /// <summary>Time of a batch of so many rows, run at the size that it is padded to; of the shape class that the model's curve is of.</summary>
    internal long Estimate(int rows, LatencyModel latency) => latency.Estimate(PadTo(rows));

    /// <summary>How far batches of so many rows are from that, relative to it.</summary>
    public double Deviation(int rows, LatencyModel latency) => latency.DeviationOf(PadTo(rows));

    /// <summary>Likewise, of a shape class.</summary>
    internal long Estimate(int rows, LatencyModel latency, int shapeClass) => (long)(latency.Shapes.Of(shapeClass) * Estimate(rows, latency));

    /// <summary>Likewise, of the instance and the shape class that are looked at.</summary>
    internal long Estimate(int rows, in SchedulingView view) => (long)(view.Factor * Estimate(rows, view.Latency));

    /// <summary>Rows of the batches that what waits is served in: of requests that share none, as many as they have on average.</summary>
    internal int RowsOfABatch(in SchedulingView view) =>
        IsDynamic ? BestRows(view.Latency) : view.Queue.Count == 0 ? 1 : (int)Math.Clamp(view.Queue.Rows / view.Queue.Count, 1, MaxBatchRows);

    /// <summary>Most of so many rows of one request that go into one batch: fewer than could, where several of the best size take less time. Of any shape class, whose factor is that of either.</summary>
    internal int RowsOfAPart(int rows, LatencyModel latency)
    {
        int most = MostRowsOf(rows, latency);
        int best = BestRows(latency);
        if (rows <= best || !IsDynamic || !SplitsRows) return most;
        return EstimateIn(most, rows, latency) > PartsMustBeFaster * EstimateIn(best, rows, latency) ? best : most;
    }

    /// <summary>Time of a request of so many rows, alone, in several batches if that is how it is run; of the shape class that the model's curve is of.</summary>
    /// <param name="instances">How many run its parts at once, at least 1.</param>
    internal long EstimateAlone(int rows, LatencyModel latency, int instances = 1) =>
        rows <= BestRows(latency) ? Estimate(rows, latency) : EstimateIn(RowsOfAPart(rows, latency), rows, latency, instances);

    private long EstimateIn(int part, int rows, LatencyModel latency, int instances = 1)
    {
        (int whole, int rest) = Math.DivRem(rows, part);
        (int turns, int beside) = Math.DivRem(whole, instances);

        // In the last turn the rest runs beside whole parts, or alone.
        return (turns * Estimate(part, latency)) + (beside > 0 ? Estimate(part, latency) : rest > 0 ? Estimate(rest, latency) : 0);
    }
}
