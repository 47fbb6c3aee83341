namespace Gateway.Core.Scheduling;

/// <summary>Queue policy of one priority level, in the batcher's own units.</summary>
/// <param name="Timeout">Longest wait in the queue, in timestamp ticks; 0 for no limit.</param>
/// <param name="AllowTimeoutOverride">Whether a client may shorten it. With no limit configured a client's own time-out always counts.</param>
/// <param name="DelaysOnTimeout">True: a request past its time-out is served after all others of its level; false: it is refused.</param>
/// <param name="MaxQueueSize">Most requests waiting at this level; 0 for no limit of its own.</param>
public readonly record struct QueuePolicyTimes(long Timeout, bool AllowTimeoutOverride, bool DelaysOnTimeout, int MaxQueueSize)
{
    /// <summary>The wait that holds for a request that asks for <paramref name="requested"/> ticks (0: asks for nothing); 0 for no limit.</summary>
    /// <remarks>
    /// As in Triton a client may only shorten a configured time-out, and only where the model allows it. Unlike Triton, which then ignores it, a client's
    /// time-out also counts when the model has none.
    /// </remarks>
    public long Effective(long requested)
    {
        if (requested <= 0) return Timeout;
        if (Timeout == 0) return requested;
        return AllowTimeoutOverride ? Math.Min(Timeout, requested) : Timeout;
    }
}
