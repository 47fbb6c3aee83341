namespace Gateway.Core.Scheduling;

/// <summary>Triton's documented dynamic batching: in order of arrival within priority levels, preferred sizes, a bounded wait for company.</summary>
/// <remarks>
/// <b>Behaviour</b>. Requests of one shape key batch together, whatever stands between them in the queue; the key whose first request is next in order
/// goes first. A batch is closed
/// <list type="bullet">
/// <item>when it is full: the rows reach the limit (<see cref="BatchingPolicy.MaxBatchRows"/>, the most that there was memory for, or the size from which the latency curve says
/// that more rows do not make the batch faster a row), or the next request does not fit;</item>
/// <item>else, at the largest preferred size that the queued requests can make up, unless the delay has passed, or when they are more than the largest;</item>
/// <item>else, when its oldest request has waited <see cref="BatchingPolicy.MaxQueueDelay"/>, or the first deadline in it leaves no more than the time of a run; with no delay, at once with all there is.</item>
/// </list>
/// A request of more rows than the limit is taken in parts. A later key whose batch is closed does not wait for an earlier one that still waits for company.
/// <b>Cost</b>: O(rows of a batch + shape keys waiting).
/// </remarks>
internal sealed class FifoBatchFormer(BatchingPolicy policy) : IBatchFormer
{
    public IComparer<QueueEntry> Order => ArrivalOrder.Instance;

    public Refusal Admit(QueueEntry arrived, in SchedulingView view) =>
        policy.IsLevelFull(arrived.Priority, view.Queue) ? new Refusal(RefusalReason.QueueFull) : default;

    public void Decide(in SchedulingView view, BatchPlan plan)
    {
        plan.Clear();
        QueueBucket? chosen = null;
        Closing closing = default;

        // By index: the enumerator of an interface would be an object a decision.
        IReadOnlyList<QueueBucket> buckets = view.Queue.Buckets;
        for (int i = 0; i < buckets.Count; i++)
        {
            QueueBucket bucket = buckets[i];

            // Strictly earlier heads win; a bucket that must still wait only contributes its waking time.
            if (chosen is not null && Order.Compare(bucket.First, chosen.First) > 0) continue;
            Closing candidate = Close(bucket, view);
            if (candidate.WaitUntil > view.Now)
            {
                plan.WakeAt = Math.Min(plan.WakeAt, candidate.WaitUntil);
                continue;
            }

            chosen = bucket;
            closing = candidate;

            // The first is that of the request that is next.
            if (i == 0) break;
        }

        if (chosen is null) return;
        plan.Reason = closing.Reason;
        plan.TakeRun(chosen.First, closing.Rows);
    }

    public Outlook LookAhead(in SchedulingView view) => default;

    public long Foresee(in SchedulingView view, int level, long due, out long rowsAhead) => rowsAhead = 0;

    public void Preview(in SchedulingView view, BatchPlan plan) => plan.Clear();

    /// <summary>Where a bucket's next batch ends, or until when it waits for company.</summary>
    private Closing Close(QueueBucket bucket, in SchedulingView view)
    {
        QueueEntry head = bucket.First;
        if (!policy.IsDynamic) return new Closing(policy.MostRowsOf(head.RowsWaiting, view.Latency), CloseReason.Immediate, 0);

        int limit = policy.PreferredBatchSizes.Count == 0 ? policy.BestRows(view.Latency) : policy.MostRows(view.Latency);
        if (head.RowsWaiting >= limit) return new Closing(policy.MostRowsOf(head.RowsWaiting, view.Latency), CloseReason.Full, 0);

        int rows = 0;
        int preferredRows = 0;
        long oldest = long.MaxValue;
        long due = QueueEntry.NoDeadline;
        bool isFull = false;
        for (QueueEntry? entry = head; entry is not null; entry = QueueBucket.Next(entry))
        {
            // Not as a sum, which a request of two billion rows would make negative.
            if (entry.RowsWaiting > limit - rows)
            {
                isFull = true;
                break;
            }

            rows += entry.RowsWaiting;
            oldest = Math.Min(oldest, entry.Arrival + entry.Waited);
            due = Math.Min(due, entry.DueAt);
            if (IsPreferred(rows)) preferredRows = rows;
            if (rows == limit)
            {
                isFull = true;
                break;
            }
        }

        bool hasWaited = policy.MaxQueueDelay > 0 && view.Now - oldest >= policy.MaxQueueDelay;
        if (preferredRows > 0 && !hasWaited) return new Closing(preferredRows, preferredRows == limit ? CloseReason.Full : CloseReason.Preferred, 0);
        if (isFull || (policy.PreferredBatchSizes.Count > 0 && rows > policy.PreferredBatchSizes[^1])) return new Closing(rows, CloseReason.Full, 0);
        if (view.IsDraining) return new Closing(rows, CloseReason.Draining, 0);
        if (policy.MaxQueueDelay == 0) return new Closing(rows, CloseReason.Immediate, 0);
        long until = oldest + Math.Min(policy.MaxQueueDelay, QueueEntry.NoDeadline - oldest);

        // Never past what leaves time for the run.
        if (due != QueueEntry.NoDeadline) until = Math.Min(until, due - (long)((1 + policy.Deviation(rows, view.Latency)) * policy.Estimate(rows, view.Latency, bucket.ShapeClass)));
        return new Closing(rows, CloseReason.DelayExpired, until);
    }

    private bool IsPreferred(int rows)
    {
        IReadOnlyList<int> sizes = policy.PreferredBatchSizes;
        for (int i = 0; i < sizes.Count; i++)
        {
            if (sizes[i] == rows) return true;
        }

        return false;
    }

    /// <summary>Rows of the batch, why it ends there, and until when it waits (a time in the past when it does not).</summary>
    private readonly record struct Closing(int Rows, CloseReason Reason, long WaitUntil);
}
