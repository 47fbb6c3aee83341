namespace Gateway.Core.Scheduling;

/// <summary>Where an entry is in a line of those that have no deadline.</summary>
internal struct PatientLinks
{
    /// <summary>Whether it is in the line.</summary>
    public bool IsHere;

    /// <summary>The one that came before it; null for the oldest.</summary>
    public QueueEntry? Before;

    /// <summary>The one that came after it; null for the newest.</summary>
    public QueueEntry? After;
}
