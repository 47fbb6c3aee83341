namespace Gateway.Core.Scheduling;

/// <summary>What waits in one model: a bucket for each shape key, and the deadlines of all.</summary>
/// <remarks><b>Threading</b>: under the batcher's lock. <b>Cost</b>: no allocation once it has been as full, in as many shapes, before.</remarks>
public sealed class RequestQueue
{
    private readonly IComparer<QueueEntry> _order;
    private readonly Dictionary<ulong, QueueBucket> _byKey = [];
    private readonly List<QueueBucket> _buckets = [];
    private readonly Stack<QueueBucket> _spare = new();
    private readonly DeadlineHeap _deadlines = new();
    private readonly int[] _countByLevel;

    /// <param name="order">Who is served before whom.</param>
    /// <param name="priorityLevels">Levels that entries may have: 1 to this.</param>
    public RequestQueue(IComparer<QueueEntry> order, int priorityLevels)
    {
        _order = order;
        _countByLevel = new int[priorityLevels + 1];
    }

    /// <summary>Buckets with something in them, in no particular order.</summary>
    public IReadOnlyList<QueueBucket> Buckets => _buckets;

    /// <summary>The tenants of what waits.</summary>
    public TenantShares Shares { get; } = new();

    public int Count { get; private set; }

    public long Rows { get; private set; }

    /// <summary>The earliest deadline or time-out of all that wait; <see cref="QueueEntry.NoDeadline"/> when there is none.</summary>
    public long EarliestDeadline => _deadlines.Earliest?.DueAt ?? QueueEntry.NoDeadline;

    /// <summary>Requests waiting at a priority level.</summary>
    public int CountAtLevel(int level) => _countByLevel[level];

    /// <summary>Rows that are served before <paramref name="entry"/>, which need not wait here.</summary>
    public long RowsBefore(QueueEntry entry)
    {
        long rows = 0;
        for (int i = 0; i < _buckets.Count; i++) rows += _buckets[i].RowsBefore(entry);
        return rows;
    }

    /// <summary>Likewise, of its tenant's rows alone.</summary>
    internal long OwnRowsBefore(QueueEntry entry)
    {
        if (Shares.Of(entry.Tenant) is not { Requests: > 0 } share) return 0;
        long rows = 0;
        for (int i = 0; i < _buckets.Count; i++) rows += _buckets[i].RowsBefore(entry, share);
        return rows;
    }

    internal void Add(QueueEntry entry)
    {
        TenantShare? share = Shares.Of(entry.Tenant);
        if (share is not null) Shares.Enter(share, entry.RowsWaiting);
        BucketFor(entry.ShapeKey).Add(entry, share);
        Rows += entry.RowsWaiting;
        Count++;
        _countByLevel[entry.Priority]++;
        if (entry.DueAt != QueueEntry.NoDeadline) _deadlines.Add(entry);
    }

    /// <summary>Takes an entry out with all the rows it still has waiting.</summary>
    /// <returns>False when it is not in the queue.</returns>
    internal bool Remove(QueueEntry entry)
    {
        TenantShare? share = entry.Lane?.Share;
        if (!_byKey.TryGetValue(entry.ShapeKey, out QueueBucket? bucket) || !bucket.Remove(entry)) return false;
        if (share is not null) Shares.Leave(share, entry.RowsWaiting);
        Rows -= entry.RowsWaiting;
        Count--;
        _countByLevel[entry.Priority]--;
        _deadlines.Remove(entry);
        if (bucket.Count == 0) Retire(bucket);
        return true;
    }

    /// <summary>Takes rows of an entry; it leaves the queue with its last one.</summary>
    internal void Take(QueueEntry entry, int rows)
    {
        if (entry.Lane is { } lane) Shares.Charge(lane.Share, rows);
        if (rows == entry.RowsWaiting)
        {
            Remove(entry);
        }
        else
        {
            QueueBucket.TakeRows(entry, rows);
            if (entry.Lane is not null) entry.Lane.Share.Rows -= rows;
            Rows -= rows;
        }

        entry.RowsTaken += rows;
    }

    /// <summary>Takes out one entry whose deadline or time-out has passed.</summary>
    internal bool TryTakeExpired(long now, out QueueEntry? entry)
    {
        entry = _deadlines.Earliest;
        if (entry is null || entry.DueAt > now) return false;
        Remove(entry);
        return true;
    }

    /// <summary>Any entry, or null: for a drain that refuses what is left.</summary>
    internal QueueEntry? Any() => _buckets.Count == 0 ? null : _buckets[0].First;

    /// <summary>An entry that waits under a shape key, or null.</summary>
    internal QueueEntry? AnyOf(ulong shapeKey) => _byKey.TryGetValue(shapeKey, out QueueBucket? bucket) ? bucket.First : null;

    private QueueBucket BucketFor(ulong shapeKey)
    {
        if (_byKey.TryGetValue(shapeKey, out QueueBucket? bucket)) return bucket;
        if (!_spare.TryPop(out bucket)) bucket = new QueueBucket(_order);
        bucket.ShapeKey = shapeKey;
        _byKey.Add(shapeKey, bucket);
        _buckets.Add(bucket);
        return bucket;
    }

    private void Retire(QueueBucket bucket)
    {
        _byKey.Remove(bucket.ShapeKey);
        _buckets.Remove(bucket);
        _spare.Push(bucket);
    }
}
