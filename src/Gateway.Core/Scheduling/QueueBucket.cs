using System.Runtime.InteropServices;

namespace Gateway.Core.Scheduling;

/// <summary>Waiting requests that can share a batch, in the order in which they are to be served; those of tenants also tenant by tenant.</summary>
public sealed class QueueBucket : IWaitingLine
{
    private readonly IComparer<QueueEntry> _order;
    private readonly EntryTree<BucketPlace> _entries;
    private readonly Dictionary<TenantShare, TenantLane> _laneOf = [];
    private readonly List<TenantLane> _lanes = [];
    private readonly Stack<TenantLane> _spare = new();

    internal QueueBucket(IComparer<QueueEntry> order)
    {
        _order = order;
        _entries = new EntryTree<BucketPlace>(order);
    }

    /// <summary>Rows that wait here.</summary>
    public long Rows => _entries.Rows;

    /// <summary>Requests that wait here.</summary>
    public int Count => _entries.Count;

    /// <summary>The request to be served next; a bucket in the queue is never empty.</summary>
    public QueueEntry First => _entries.First!;

    QueueEntry IWaitingLine.Head => First;

    int IWaitingLine.HeapIndex { get; set; } = -1;

    internal ulong ShapeKey { get; set; }

    internal int ShapeClass { get; set; }

    /// <summary>Lanes with something in them, one a tenant, in no particular order.</summary>
    internal ReadOnlySpan<TenantLane> Lanes => CollectionsMarshal.AsSpan(_lanes);

    /// <summary>The request after one that waits here; null behind the last.</summary>
    public static QueueEntry? Next(QueueEntry entry) => EntryTree<BucketPlace>.Next(entry);

    /// <summary>Rows that are served before <paramref name="entry"/>, which need not wait here.</summary>
    public long RowsBefore(QueueEntry entry) => _entries.RowsBefore(entry);

    /// <summary>The first request that <paramref name="entry"/>, which need not wait here, is not served after; null when there is none.</summary>
    internal QueueEntry? FirstFrom(QueueEntry entry) => _entries.FirstFrom(entry);

    /// <summary>The last that is served before one, which need not wait here; null when there is none.</summary>
    internal QueueEntry? LastBefore(QueueEntry entry) => _entries.LastBefore(entry);

    /// <param name="share">Its tenant's; null for a request of no tenant.</param>
    internal void Add(QueueEntry entry, TenantShare? share)
    {
        _entries.Insert(entry);
        if (share is null) return;
        if (!_laneOf.TryGetValue(share, out TenantLane? lane))
        {
            if (!_spare.TryPop(out lane)) lane = new TenantLane(_order);
            lane.Begin(share, _lanes.Count);
            _laneOf.Add(share, lane);
            _lanes.Add(lane);
        }

        lane.Add(entry);
        if (lane.Count == 1) share.Lanes.Add(lane);
        else if (ReferenceEquals(lane.First, entry)) share.Lanes.Moved(lane);
    }

    /// <returns>False when it does not wait here.</returns>
    internal bool Remove(QueueEntry entry)
    {
        if (!_entries.Remove(entry)) return false;
        if (entry.Lane is not { } lane) return true;
        bool isFirst = ReferenceEquals(lane.First, entry);
        lane.Remove(entry);
        if (lane.First is null) Retire(lane);
        else if (isFirst) lane.Share.Lanes.Moved(lane);
        return true;
    }

    /// <summary>Some rows of an entry do not wait any more; called before the entry says so itself.</summary>
    internal static void TakeRows(QueueEntry entry, int rows)
    {
        EntryTree<BucketPlace>.TakeRows(entry, rows);
        if (entry.Lane is not null) EntryTree<LanePlace>.TakeRows(entry, rows);
    }

    private void Retire(TenantLane lane)
    {
        _laneOf.Remove(lane.Share);
        lane.Share.Lanes.Remove(lane);
        TenantLane last = _lanes[^1];
        _lanes[lane.Position] = last;
        last.Position = lane.Position;
        _lanes.RemoveAt(_lanes.Count - 1);
        _spare.Push(lane);
    }
}
