namespace Gateway.Core.Scheduling;

/// <summary>When a request would be finished, by what waits, what runs and what runs have taken.</summary>
/// <remarks>Pure. Times are timestamps and ticks of the batcher's clock.</remarks>
internal static class Forecast
{
    // Kept as a margin on what is ahead, in deviations of a batch.
    private const double QueueDeviations = 2;

    /// <summary>When an instance is free. One that should be by now is taken to need as long again as it is late.</summary>
    public static long FreeAt(in SchedulingView view, BatchingPolicy policy)
    {
        long earliest = view.Instances.Length == 0 ? view.Now : QueueEntry.NoDeadline;
        foreach (InstanceView instance in view.Instances)
        {
            long end = instance.IsIdle ? view.Now : instance.StartedAt + policy.Estimate(instance.BatchRows, view.Latency);
            earliest = Math.Min(earliest, end >= view.Now ? end : view.Now + (view.Now - end));
        }

        return earliest;
    }

    /// <summary>When a request is finished that <paramref name="before"/> rows are served before.</summary>
    /// <param name="freeAt">When an instance is free.</param>
    /// <param name="own">Time of the request alone.</param>
    public static long End(in SchedulingView view, BatchingPolicy policy, long freeAt, long before, int rows, long own)
    {
        int best = policy.BestRows(view.Latency);
        long full = (before + rows - 1) / best;
        if (full == 0) return freeAt + own;

        // The batch that it comes into is taken for a full one.
        long batch = policy.Estimate(best, view.Latency);
        double margin = QueueDeviations * view.Latency.Deviation * batch * Math.Sqrt(full + 1);
        return freeAt + (full * batch / Math.Max(1, view.Instances.Length)) + Math.Max(batch, own) + (long)margin;
    }
}
