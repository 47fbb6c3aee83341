namespace Gateway.Core.Scheduling;

/// <summary>Wakes the batcher at the next moment at which time alone changes something.</summary>
/// <remarks><b>Threading</b>: <see cref="Arm"/> and <see cref="Clear"/> under the batcher's lock; the callback comes on a thread of its own.</remarks>
internal sealed class WakeTimer : IAsyncDisposable
{
    // Timers take no more than 49 days; one that fires early is armed anew.
    private static readonly TimeSpan MostDelay = TimeSpan.FromDays(1);

    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private long _due = QueueEntry.NoDeadline;

    public WakeTimer(TimeProvider time, Action onDue)
    {
        _time = time;
        _timer = time.CreateTimer(static callback => ((Action)callback!)(), onDue, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Asks for a call at <paramref name="due"/>, or earlier.</summary>
    public void Arm(long due, long now)
    {
        // A timer that is armed for earlier stays: it finds nothing to do and is armed anew. That is cheaper than moving it at every event.
        if (due >= _due) return;
        _due = due;

        // What has waited unread may have come too late.
        TimeSpan delay = due <= now ? TimeSpan.Zero : _time.GetElapsedTime(now, due);
        _timer.Change(delay < MostDelay ? delay : MostDelay, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The call has come: nothing is armed any more.</summary>
    public void Clear() => _due = QueueEntry.NoDeadline;

    public ValueTask DisposeAsync() => _timer.DisposeAsync();
}
