namespace Gateway.Core.Scheduling;

/// <summary>Waiting requests that can share a batch, in the order in which they are to be served.</summary>
public sealed class QueueBucket
{
    private readonly EntryTree _entries;

    internal QueueBucket(IComparer<QueueEntry> order) => _entries = new EntryTree(order);

    /// <summary>Rows that wait here.</summary>
    public long Rows => _entries.Rows;

    /// <summary>Requests that wait here.</summary>
    public int Count => _entries.Count;

    /// <summary>The request to be served next; a bucket in the queue is never empty.</summary>
    public QueueEntry First => _entries.First!;

    internal ulong ShapeKey { get; set; }

    /// <summary>The request after one that waits here; null behind the last.</summary>
    public static QueueEntry? Next(QueueEntry entry) => EntryTree.Next(entry);

    /// <summary>Rows that are served before <paramref name="entry"/>, which need not wait here.</summary>
    public long RowsBefore(QueueEntry entry) => _entries.RowsBefore(entry);

    internal void Add(QueueEntry entry) => _entries.Insert(entry);

    /// <returns>False when it does not wait here.</returns>
    internal bool Remove(QueueEntry entry) => _entries.Remove(entry);
}
