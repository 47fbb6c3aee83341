namespace Gateway.Core.Scheduling;

/// <summary>Fills a batch in turns among tenants: the one that has been given the least over its weight goes next, with the first of its requests that a full batch still finishes in time.</summary>
/// <remarks>
/// <b>Behaviour</b>: pure; what the picks come to is charged when the batch is taken (<see cref="TenantShares.Charge"/>). Equal claims go by the order of the requests. A
/// request that does not fit beside the others keeps its tenant's turn for the next batch. Priorities hold within a tenant, not between tenants. <b>Threading</b>: under the batcher's lock.
/// <b>Cost</b>: O(tenants waiting + rows of a batch × log of them); no allocation once there have been as many.
/// </remarks>
internal sealed class FairPick(BatchingPolicy policy)
{
    // Stands for a moment in the order of requests, to look for what is due from then on.
    private readonly Moment _moment = new();
    private Turn[] _heap = new Turn[8];
    private int _count;

    /// <param name="deviations">Margin on the time of a batch, in deviations of the latency model.</param>
    /// <returns>False when no tenant has a request that would be in time in a full batch; the plan is as it was.</returns>
    public bool TryPick(in SchedulingView view, double deviations, BatchPlan plan)
    {
        int most = policy.IsDynamic ? policy.BestRows(view.Latency) : 1;
        long full = view.Now + (long)((1 + (deviations * view.Latency.Deviation)) * policy.Estimate(most, view.Latency));
        Gather(BucketOfFirst(view.Queue), view, full);
        int rows = 0;
        while (_count > 0 && rows < most)
        {
            ref Turn turn = ref _heap[0];
            QueueEntry entry = turn.Entry;
            int own = rows == 0 ? policy.RowsOfAPart(entry.RowsWaiting, view.Latency) : entry.RowsWaiting;
            if (rows > 0 && own > most - rows)
            {
                RemoveFirst();
                continue;
            }

            plan.Take(entry, own);
            rows += own;
            if (own < entry.RowsWaiting) break;
            turn.VirtualTime += own / turn.Lane.Share.Tenant.Weight;
            if (InTime(turn.Lane, TenantLane.Next(entry), view, full) is { } next)
            {
                turn.Entry = next;
                SiftDown(0);
            }
            else
            {
                RemoveFirst();
            }
        }

        Array.Clear(_heap, 0, _count);
        _count = 0;
        return rows > 0;
    }

    /// <summary>The bucket in which the tenant waits whose turn it is.</summary>
    private static QueueBucket BucketOfFirst(RequestQueue queue)
    {
        if (queue.Buckets.Count == 1) return queue.Buckets[0];
        Turn first = default;
        foreach (TenantShare share in queue.Shares.ActiveShares)
        {
            TenantLane lane = share.Lanes.First!;
            Turn turn = new(share.VirtualTime, lane.Head, lane);
            if (first.Lane is null || turn.IsBefore(first)) first = turn;
        }

        return queue.BucketOf(first.Entry)!;
    }

    private void Gather(QueueBucket bucket, in SchedulingView view, long full)
    {
        ReadOnlySpan<TenantLane> lanes = bucket.Lanes;
        if (_heap.Length < lanes.Length) _heap = new Turn[Math.Max(lanes.Length, 2 * _heap.Length)];
        foreach (TenantLane lane in lanes)
        {
            if (InTime(lane, lane.First, view, full) is { } entry) _heap[_count++] = new Turn(lane.Share.VirtualTime, entry, lane);
        }

        for (int i = (_count / 2) - 1; i >= 0; i--) SiftDown(i);
    }

    /// <summary>The first request from <paramref name="entry"/> on that is finished in time in a full batch; null when there is none.</summary>
    private QueueEntry? InTime(TenantLane lane, QueueEntry? entry, in SchedulingView view, long full)
    {
        while (entry is not null)
        {
            // What has begun goes on.
            if (entry.RowsTaken > 0) return entry;
            if (entry.DueAt < full)
            {
                // Its level's next that is due late enough, or the first of the next level.
                _moment.Priority = entry.Priority;
                _moment.Deadline = full;
                entry = lane.FirstFrom(_moment);
                continue;
            }

            // One that takes longer than a full batch may be in time in none.
            if (entry.DueAt == QueueEntry.NoDeadline || view.Now + policy.EstimateAlone(entry.RowsWaiting, view.Latency) <= entry.DueAt) return entry;
            entry = TenantLane.Next(entry);
        }

        return null;
    }

    private void RemoveFirst()
    {
        _heap[0] = _heap[--_count];
        _heap[_count] = default;
        SiftDown(0);
    }

    private void SiftDown(int index)
    {
        Turn turn = _heap[index];
        while (true)
        {
            int child = (2 * index) + 1;
            if (child >= _count) break;
            if (child + 1 < _count && _heap[child + 1].IsBefore(_heap[child])) child++;
            if (!_heap[child].IsBefore(turn)) break;
            _heap[index] = _heap[child];
            index = child;
        }

        _heap[index] = turn;
    }

    /// <summary>A tenant's claim on the next place in the batch, and the request that would get it.</summary>
    private record struct Turn(double VirtualTime, QueueEntry Entry, TenantLane Lane)
    {
        public readonly bool IsBefore(in Turn other) =>
            VirtualTime < other.VirtualTime || (VirtualTime == other.VirtualTime && DeadlineOrder.Instance.Compare(Entry, other.Entry) < 0);
    }
}
