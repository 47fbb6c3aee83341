using System.Numerics;
using System.Runtime.InteropServices;

namespace Gateway.Core.Scheduling;

/// <summary>What waits in one model: a bucket for each shape key, and the deadlines of all.</summary>
/// <remarks><b>Threading</b>: under the batcher's lock. <b>Cost</b>: no allocation once it has been as full, in as many shapes, before.</remarks>
public sealed class RequestQueue
{
    private readonly IComparer<QueueEntry> _order;
    private readonly Dictionary<ulong, QueueBucket> _byKey = [];
    private readonly FirstHeap<QueueBucket> _buckets;
    private readonly Stack<QueueBucket> _spare = new();
    private readonly DeadlineHeap _deadlines = new();
    private readonly List<QueueEntry> _begun = [];
    private readonly int[] _countByLevel;
    private readonly int[] _bucketsByClass = new int[ShapeClasses.Count];

    // A bit for each class that waits.
    private ulong _classes;

    /// <param name="order">Who is served before whom.</param>
    /// <param name="priorityLevels">Levels that entries may have: 1 to this.</param>
    public RequestQueue(IComparer<QueueEntry> order, int priorityLevels)
    {
        _order = order;
        _buckets = new FirstHeap<QueueBucket>(order);
        Shares = new TenantShares(order);
        _countByLevel = new int[priorityLevels + 1];
    }

    /// <summary>Buckets with something in them: that of the request to be served next, and others, none before the one at half its index.</summary>
    public IReadOnlyList<QueueBucket> Buckets => _buckets.Items;

    /// <summary>The tenants of what waits.</summary>
    public TenantShares Shares { get; }

    /// <summary>Requests with a deadline of which some rows are in batches already: the others would be wasted with them. No more than instances, as a rule.</summary>
    internal ReadOnlySpan<QueueEntry> Begun => CollectionsMarshal.AsSpan(_begun);

    /// <summary>Those without a deadline.</summary>
    internal PatientLine Patients { get; } = new(ofTenant: false);

    /// <summary>Requests that have a deadline or a time-out, none before the one at half its index.</summary>
    internal ReadOnlySpan<QueueEntry> ByDeadline => _deadlines.Items;

    /// <summary>Whether requests with deadlines come.</summary>
    internal bool HasDeadlines { get; set; }

    /// <summary>The largest shape class that waits; 0 while nothing does.</summary>
    internal int LargestClass => BitOperations.Log2(_classes);

    public int Count { get; private set; }

    public long Rows { get; private set; }

    /// <summary>The earliest deadline or time-out of all that wait; <see cref="QueueEntry.NoDeadline"/> when there is none.</summary>
    public long EarliestDeadline => _deadlines.Earliest?.DueAt ?? QueueEntry.NoDeadline;

    /// <summary>The request whose that is; null when there is none.</summary>
    internal QueueEntry? FirstDue => _deadlines.Earliest;

    /// <summary>Requests waiting at a priority level.</summary>
    public int CountAtLevel(int level) => _countByLevel[level];

    /// <summary>The bucket that requests like this one wait in; null when none does.</summary>
    internal QueueBucket? BucketOf(QueueEntry entry) => _byKey.GetValueOrDefault(entry.ShapeKey);

    /// <summary>Rows of an entry's tenant that are served before it, which need not wait here.</summary>
    /// <param name="most">Shapes that are looked at; of more, those are taken for all.</param>
    internal long OwnRowsBefore(QueueEntry entry, int most)
    {
        if (Shares.Of(entry.Tenant) is not { Requests: > 0 } share) return 0;
        IReadOnlyList<TenantLane> lanes = share.Lanes.Items;
        Sample sample = new(lanes.Count, most, entry.Sequence);
        long rows = 0;
        for (int i = 0; i < sample.Count; i++) rows += lanes[sample[i]].RowsBefore(entry);
        return (long)(rows * sample.Scale);
    }

    internal void Add(QueueEntry entry)
    {
        TenantShare? share = Shares.Of(entry.Tenant);
        if (share is not null) Shares.Enter(share, entry.RowsWaiting, entry.DueAt);
        entry.IsLeaving = false;
        QueueBucket bucket = BucketFor(entry);
        bucket.Add(entry, share);
        if (bucket.Count == 1) _buckets.Add(bucket);
        else if (ReferenceEquals(bucket.First, entry)) _buckets.Moved(bucket);
        Rows += entry.RowsWaiting;
        Count++;
        _countByLevel[entry.Priority]++;
        if (entry.DueAt == QueueEntry.NoDeadline)
        {
            Patients.Add(entry);
            share?.Patients.Add(entry);
            return;
        }

        _deadlines.Add(entry);
        HasDeadlines = true;

        // Rows of it have come back.
        if (entry.RowsTaken > 0) _begun.Add(entry);
    }

    /// <summary>Takes an entry out with all the rows it still has waiting.</summary>
    /// <returns>False when it is not in the queue.</returns>
    internal bool Remove(QueueEntry entry)
    {
        TenantShare? share = entry.Lane?.Share;
        if (!_byKey.TryGetValue(entry.ShapeKey, out QueueBucket? bucket)) return false;
        bool isFirst = ReferenceEquals(bucket.Count == 0 ? null : bucket.First, entry);
        if (!bucket.Remove(entry)) return false;
        if (share is not null) Shares.Leave(share, entry.RowsWaiting);
        Rows -= entry.RowsWaiting;
        Count--;
        _countByLevel[entry.Priority]--;
        _deadlines.Remove(entry);
        Patients.Remove(entry);
        share?.Patients.Remove(entry);
        if (entry.RowsTaken > 0) _begun.Remove(entry);
        if (bucket.Count == 0) Retire(bucket);
        else if (isFirst) _buckets.Moved(bucket);
        return true;
    }

    /// <summary>Takes rows of an entry; it leaves the queue with its last one.</summary>
    internal void Take(QueueEntry entry, int rows)
    {
        Patients.Took(entry, rows);
        if (entry.Lane is { Share: { } share })
        {
            Shares.Charge(share, rows);
            share.Patients.Took(entry, rows);
        }

        if (rows == entry.RowsWaiting)
        {
            Remove(entry);
        }
        else
        {
            QueueBucket.TakeRows(entry, rows);
            if (entry.Lane is not null) entry.Lane.Share.Rows -= rows;
            Rows -= rows;
            if (entry.RowsTaken == 0 && entry.DueAt != QueueEntry.NoDeadline) _begun.Add(entry);
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
    internal QueueEntry? Any() => _buckets.First?.First;

    /// <summary>An entry that waits under a shape key, or null.</summary>
    internal QueueEntry? AnyOf(ulong shapeKey) => _byKey.TryGetValue(shapeKey, out QueueBucket? bucket) ? bucket.First : null;

    private QueueBucket BucketFor(QueueEntry entry)
    {
        if (_byKey.TryGetValue(entry.ShapeKey, out QueueBucket? bucket)) return bucket;
        if (!_spare.TryPop(out bucket)) bucket = new QueueBucket(_order);
        bucket.ShapeKey = entry.ShapeKey;
        bucket.ShapeClass = entry.ShapeClass;
        _byKey.Add(bucket.ShapeKey, bucket);
        if (++_bucketsByClass[bucket.ShapeClass] == 1) _classes |= 1UL << bucket.ShapeClass;
        return bucket;
    }

    private void Retire(QueueBucket bucket)
    {
        _byKey.Remove(bucket.ShapeKey);
        if (--_bucketsByClass[bucket.ShapeClass] == 0) _classes &= ~(1UL << bucket.ShapeClass);
        _buckets.Remove(bucket);
        _spare.Push(bucket);
    }
}
