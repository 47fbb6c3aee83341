namespace Gateway.Core.Models.Configuration;

/// <summary>How long and how many requests may wait in a queue.</summary>
public sealed record QueuePolicy
{
    /// <summary>What happens to a request that waited longer than its timeout.</summary>
    public TimeoutAction TimeoutAction { get; init; }

    /// <summary>Timeout of a request that names none, counted from its arrival; zero is no timeout.</summary>
    public TimeSpan DefaultTimeout { get; init; }

    /// <summary>Whether a request may name a shorter timeout than the default one.</summary>
    public bool AllowTimeoutOverride { get; init; }

    /// <summary>The most requests (not rows) that may wait; 0 sets no limit of the model's own.</summary>
    public int MaxQueueSize { get; init; }
}

/// <summary>What happens to a request whose queue timeout has passed.</summary>
public enum TimeoutAction
{
    /// <summary>It is answered with an error.</summary>
    Reject = 0,

    /// <summary>It waits on, behind every request of its level that is still in time.</summary>
    Delay = 1,
}
