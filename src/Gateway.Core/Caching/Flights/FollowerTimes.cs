using Gateway.Core.Scheduling;

namespace Gateway.Core.Caching.Flights;

/// <summary>Looks after those who wait for another's run when the time of one of them is over.</summary>
/// <remarks><b>Threading</b>: any thread; the callback comes on the clock's, outside of the lock.</remarks>
internal sealed class FollowerTimes : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly Func<long, long> _onDue;
    private readonly WakeTimer _timer;

    /// <param name="onDue">Gets the time and answers when it is to be called next.</param>
    public FollowerTimes(TimeProvider time, Func<long, long> onDue)
    {
        _time = time;
        _onDue = onDue;
        _timer = new WakeTimer(time, OnDue);
    }

    /// <summary>Asks for a call at <paramref name="due"/>, or earlier.</summary>
    public void Arm(long due, long now)
    {
        lock (_lock) _timer.Arm(due, now);
    }

    public ValueTask DisposeAsync() => _timer.DisposeAsync();

    private void OnDue()
    {
        lock (_lock) _timer.Clear();
        long now = _time.GetTimestamp();
        long next = _onDue(now);
        if (next != QueueEntry.NoDeadline) Arm(next, now);
    }
}
