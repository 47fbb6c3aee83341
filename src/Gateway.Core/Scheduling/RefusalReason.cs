namespace Gateway.Core.Scheduling;

/// <summary>Why a request is refused.</summary>
public enum RefusalReason
{
    None,

    /// <summary>As many requests, or bytes, wait as may.</summary>
    QueueFull,

    /// <summary>Even if it were next, it would be finished after its deadline.</summary>
    DeadlineUnreachable,

    /// <summary>What is served before it would not leave enough time.</summary>
    DeadlineBehindQueue,

    /// <summary>It waits, and others that can be served better leave it no time.</summary>
    DeadlineSkipped,
}
