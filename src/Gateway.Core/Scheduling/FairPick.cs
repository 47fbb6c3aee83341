namespace Gateway.Core.Scheduling;

/// <summary>Fills a batch in turns among tenants: the one that has been given the least over its weight goes next, with the first of its requests that a full batch still finishes in time.</summary>
/// <remarks>
/// <b>Behaviour</b>: pure; what the picks come to is charged when the batch is taken (<see cref="TenantShares.Charge"/>). Equal claims go by the order of the requests. A
/// request that does not fit beside the others keeps its tenant's turn for the next batch. Priorities hold within a tenant, not between tenants. What has begun goes on first, whosever it is;
/// and a tenant's requests without a deadline have a turn among its own after sixteen batches' rows of its others. <b>Threading</b>: under the batcher's lock.
/// <b>Cost</b>: O(tenants waiting + rows of a batch × log of them); no allocation once there have been as many.
/// </remarks>
internal sealed class FairPick(BatchingPolicy policy)
{
    // Of those that are looked at to fill a batch up, as many times its rows.
    private const int MostLookedAt = 2;

    // Stands for a moment in the order of requests, to look for what is due from then on.
    private readonly Moment _moment = new();
    private Turn[] _heap = new Turn[8];
    private int _count;

    /// <param name="begun">One that has begun and goes on before any other; null where there is none.</param>
    /// <param name="deviations">Margin on the time of a batch, in deviations of the latency model.</param>
    /// <returns>False when no tenant has a request that would be in time in a full batch; the plan is as it was.</returns>
    public bool TryPick(in SchedulingView all, QueueEntry? begun, double deviations, BatchPlan plan)
    {
        int batch = policy.RowsOfABatch(all);
        QueueBucket bucket = begun is null ? BucketOfFirst(all.Queue, batch) : all.Queue.BucketOf(begun)!;
        SchedulingView view = all.Of(bucket.ShapeClass);
        int most = policy.IsDynamic ? policy.BestRows(view.Latency) : 1;
        double caution = 1 + (deviations * view.Latency.Deviation);
        long full = view.Now + (long)(caution * policy.Estimate(most, view));
        int rows = 0;
        if (begun is not null)
        {
            rows = policy.RowsOfAPart(begun.RowsWaiting, view.Latency);
            plan.Take(begun, rows);
            if (rows < begun.RowsWaiting || rows >= most) return true;
        }

        bool isTight = begun is not null && begun.DueAt < full;
        Gather(bucket, begun, batch, view, full);
        while (_count > 0 && rows < most)
        {
            ref Turn turn = ref _heap[0];
            QueueEntry entry = turn.Entry;
            int own = rows == 0 ? policy.RowsOfAPart(entry.RowsWaiting, view.Latency) : entry.RowsWaiting;
            if (rows > 0 && (own > most - rows || (isTight && view.Now + (long)(caution * policy.Estimate(rows + own, view)) > begun!.DueAt)))
            {
                RemoveFirst();
                continue;
            }

            plan.Take(entry, own);
            rows += own;
            if (own < entry.RowsWaiting) break;
            turn.VirtualTime += own / turn.Lane.Share.Tenant.Weight;
            QueueEntry? after = ReferenceEquals(entry, turn.Taken) ? turn.Lane.First : TenantLane.Next(entry);
            if (InTime(turn.Lane, after, turn.Taken, view, full) is { } next)
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
        if (rows > 0 && rows < most) FillUp(bucket, begun, rows, most, caution, view, full, plan);
        return rows > 0;
    }

    /// <summary>Adds those whom a full batch would make late and this one, which is not going to be full, does not: in their order, whosever they are, since nobody else wants the room.</summary>
    private void FillUp(QueueBucket bucket, QueueEntry? begun, int rows, int most, double caution, in SchedulingView view, long full, BatchPlan plan)
    {
        long due = begun?.DueAt ?? QueueEntry.NoDeadline;
        QueueEntry? entry = bucket.First;
        for (int left = MostLookedAt * most; entry is not null && left > 0 && rows < most; entry = QueueBucket.Next(entry), left--)
        {
            // What is due later has been in the turns, as has what has begun.
            if (entry.IsLeaving || entry.RowsTaken > 0 || entry.DueAt >= full || entry.RowsWaiting > most - rows) continue;
            long end = view.Now + (long)(caution * policy.Estimate(rows + entry.RowsWaiting, view));
            if (end > Math.Min(due, entry.DueAt)) continue;
            plan.Take(entry, entry.RowsWaiting);
            rows += entry.RowsWaiting;
            due = Math.Min(due, entry.DueAt);
        }
    }

    /// <summary>The bucket in which the tenant waits whose turn it is: its first request, or one without a deadline whose turn it is among its own.</summary>
    /// <remarks>Where that one's tenant has no turn, those wait who have, and are in other shapes, until it has: a batch or two among tenants of one weight.</remarks>
    /// <param name="batch">Rows of a full batch.</param>
    private static QueueBucket BucketOfFirst(RequestQueue queue, int batch)
    {
        if (queue.Buckets.Count == 1) return queue.Buckets[0];
        Turn first = default;
        QueueEntry? due = null;
        foreach (TenantShare share in queue.Shares.ActiveShares)
        {
            if (share.Patients.IsTheirTurn(batch) && share.Patients.Oldest is { } patient && (due is null || patient.Sequence < due.Sequence)) due = patient;
            TenantLane lane = share.Lanes.First!;
            Turn turn = new(share.VirtualTime, lane.Head, lane);
            if (first.Lane is null || turn.IsBefore(first)) first = turn;
        }

        return queue.BucketOf(due ?? first.Entry)!;
    }

    /// <param name="begun">One that is in the batch already.</param>
    /// <param name="batch">Rows of a full batch.</param>
    private void Gather(QueueBucket bucket, QueueEntry? begun, int batch, in SchedulingView view, long full)
    {
        ReadOnlySpan<TenantLane> lanes = bucket.Lanes;
        if (_heap.Length < lanes.Length) _heap = new Turn[Math.Max(lanes.Length, 2 * _heap.Length)];
        foreach (TenantLane lane in lanes)
        {
            TenantShare share = lane.Share;
            QueueEntry? taken = begun is not null && ReferenceEquals(begun.Lane, lane) ? begun : null;

            // Beside one of its lane that has begun its turn comes with the next batch: only one that is taken can be passed over.
            if (taken is null && share.Patients.IsTheirTurn(batch) && share.Patients.Oldest is { } patient && ReferenceEquals(patient.Lane, lane))
            {
                _heap[_count++] = new Turn(share.VirtualTime, patient, lane, patient);
                continue;
            }

            double given = taken is null ? 0 : taken.RowsWaiting / share.Tenant.Weight;
            if (InTime(lane, lane.First, taken, view, full) is { } entry) _heap[_count++] = new Turn(share.VirtualTime + given, entry, lane, taken);
        }

        for (int i = (_count / 2) - 1; i >= 0; i--) SiftDown(i);
    }

    /// <summary>The first request from <paramref name="entry"/> on that is finished in time in a full batch; null when there is none.</summary>
    /// <param name="taken">One that is in the batch already, in whatever place.</param>
    private QueueEntry? InTime(TenantLane lane, QueueEntry? entry, QueueEntry? taken, in SchedulingView view, long full)
    {
        while (entry is not null)
        {
            if (entry.IsLeaving || ReferenceEquals(entry, taken))
            {
                entry = TenantLane.Next(entry);
                continue;
            }

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
            if (entry.DueAt == QueueEntry.NoDeadline || view.Now + Forecast.TimeAlone(view, policy, entry.RowsWaiting) <= entry.DueAt) return entry;
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
    /// <param name="Taken">One of its that is, or will be, in the batch before those due before it; null where there is none.</param>
    private record struct Turn(double VirtualTime, QueueEntry Entry, TenantLane Lane, QueueEntry? Taken = null)
    {
        public readonly bool IsBefore(in Turn other) =>
            VirtualTime < other.VirtualTime || (VirtualTime == other.VirtualTime && DeadlineOrder.Instance.Compare(Entry, other.Entry) < 0);
    }
}
