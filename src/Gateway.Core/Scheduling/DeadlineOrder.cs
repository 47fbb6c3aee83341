namespace Gateway.Core.Scheduling;

/// <summary>Earliest deadline first within a priority level; first in, first out among equal deadlines, and so among requests that are given the same time.</summary>
internal sealed class DeadlineOrder : IComparer<QueueEntry>
{
    public static readonly DeadlineOrder Instance = new();

    public int Compare(QueueEntry? x, QueueEntry? y)
    {
        int byLevel = x!.Priority.CompareTo(y!.Priority);
        if (byLevel != 0) return byLevel;
        int byDeadline = x.DueAt.CompareTo(y.DueAt);
        return byDeadline != 0 ? byDeadline : x.Sequence.CompareTo(y.Sequence);
    }
}
