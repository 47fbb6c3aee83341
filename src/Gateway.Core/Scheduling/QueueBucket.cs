namespace Gateway.Core.Scheduling;

/// <summary>Waiting requests that can share a batch, in the order in which they are to be served.</summary>
public sealed class QueueBucket
{
    internal QueueBucket(IComparer<QueueEntry> order) => Entries = new EntryRing(order);

    /// <summary>Rows that wait here.</summary>
    public long Rows { get; internal set; }

    /// <summary>Requests that wait here.</summary>
    public int Count => Entries.Count;

    /// <summary>The request at a position, 0 being the next to be served.</summary>
    public QueueEntry this[int index] => Entries[index];

    internal EntryRing Entries { get; }

    internal ulong ShapeKey { get; set; }
}
