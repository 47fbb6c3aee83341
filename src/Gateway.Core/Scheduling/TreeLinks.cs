namespace Gateway.Core.Scheduling;

/// <summary>Where an entry is in a tree: its neighbours, all null when it is in none, or alone.</summary>
internal struct TreeLinks
{
    public QueueEntry? Parent;
    public QueueEntry? Left;
    public QueueEntry? Right;

    /// <summary>Rows waiting of this entry and all below it.</summary>
    public long Rows;
}
