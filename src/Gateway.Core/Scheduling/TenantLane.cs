namespace Gateway.Core.Scheduling;

/// <summary>One tenant's requests in a bucket, in the order in which they are to be served.</summary>
/// <remarks>Made once and used for one tenant after the other. <b>Threading</b>: under the batcher's lock.</remarks>
internal sealed class TenantLane(IComparer<QueueEntry> order) : IWaitingLine
{
    private readonly EntryTree<LanePlace> _entries = new(order);

    /// <summary>Whose it is.</summary>
    public TenantShare Share { get; private set; } = null!;

    /// <summary>Index among the bucket's lanes.</summary>
    public int Position { get; set; }

    public QueueEntry? First => _entries.First;

    public int Count => _entries.Count;

    public QueueEntry Head => _entries.First!;

    public int HeapIndex { get; set; } = -1;

    public static QueueEntry? Next(QueueEntry entry) => EntryTree<LanePlace>.Next(entry);

    /// <summary>The first request here that is not served before <paramref name="entry"/>, which need not be here; null when there is none.</summary>
    public QueueEntry? FirstFrom(QueueEntry entry) => _entries.FirstFrom(entry);

    public long RowsBefore(QueueEntry entry) => _entries.RowsBefore(entry);

    public void Begin(TenantShare share, int position)
    {
        Share = share;
        Position = position;
    }

    public void Add(QueueEntry entry)
    {
        entry.Lane = this;
        _entries.Insert(entry);
    }

    public void Remove(QueueEntry entry)
    {
        entry.Lane = null;
        _entries.Remove(entry);
    }
}
