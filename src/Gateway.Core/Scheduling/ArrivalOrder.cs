namespace Gateway.Core.Scheduling;

/// <summary>First in, first out within a priority level; those whose time-out has passed and was answered by DELAY come last in their level.</summary>
internal sealed class ArrivalOrder : IComparer<QueueEntry>
{
    public static readonly ArrivalOrder Instance = new();

    public int Compare(QueueEntry? x, QueueEntry? y)
    {
        int byLevel = x!.Priority.CompareTo(y!.Priority);
        if (byLevel != 0) return byLevel;
        int byDelay = x.IsDelayed.CompareTo(y.IsDelayed);
        return byDelay != 0 ? byDelay : x.Sequence.CompareTo(y.Sequence);
    }
}
