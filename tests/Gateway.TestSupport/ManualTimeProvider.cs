namespace Gateway.TestSupport;

/// <summary>A clock that moves only when a test moves it, and fires the timers that fall due on the way.</summary>
/// <remarks>
/// <b>Behaviour</b>: <see cref="Advance(long)"/> visits the due times in order and calls each timer on the calling thread; a callback that arms a timer within the
/// span sees it fire in the same call. The frequency is odd, so that ticks taken for <see cref="TimeSpan"/> ticks or for nanoseconds show.
/// <b>Threading</b>: any thread may read and arm; one driver advances.
/// </remarks>
public sealed class ManualTimeProvider : TimeProvider
{
    private static readonly DateTimeOffset Epoch = new(2025, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly Lock _lock = new();
    private readonly List<ManualTimer> _armed = [];
    private readonly List<TaskCompletionSource> _waitingForTimer = [];
    private long _now = 1_000_003;

    /// <summary>Below 10 MHz, so that a span of whole timestamp ticks survives the way through a <see cref="TimeSpan"/>.</summary>
    public override long TimestampFrequency => 7_000_003;

    /// <summary>When the next timer fires, as a timestamp; null when none is armed.</summary>
    public long? NextDue
    {
        get
        {
            lock (_lock) return _armed.Count == 0 ? null : _armed.Min(timer => timer.DueAt);
        }
    }

    /// <summary>Called, on whatever thread, before a timestamp is given: what a test has happen between two steps of the code that it tests.</summary>
    public Action? Reading { get; set; }

    public override long GetTimestamp()
    {
        Reading?.Invoke();
        lock (_lock) return _now;
    }

    /// <summary>By how much the time of day has been set forward, or back; timestamps do not know of it.</summary>
    public TimeSpan SetForward { get; set; }

    public override DateTimeOffset GetUtcNow() => Epoch + SetForward + GetElapsedTime(0, GetTimestamp());

    /// <summary>The least ticks that are no shorter than a span.</summary>
    public long Ticks(TimeSpan span) => (long)Math.Ceiling(span.Ticks * ((decimal)TimestampFrequency / TimeSpan.TicksPerSecond));

    public void Advance(TimeSpan by) => Advance(Ticks(by));

    /// <param name="ticks">Timestamp ticks, at least 0.</param>
    public void Advance(long ticks)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(ticks);
        long target = GetTimestamp() + ticks;
        while (true)
        {
            ManualTimer? due;
            lock (_lock)
            {
                due = _armed.Where(timer => timer.DueAt <= target).MinBy(timer => timer.DueAt);
                _now = due is null ? target : Math.Max(_now, due.DueAt);
                if (due is not null) _armed.Remove(due);
            }

            if (due is null) return;
            due.Fire();
        }
    }

    /// <summary>Completes once a timer is armed: at once when one is.</summary>
    public Task WhenTimerIsArmedAsync()
    {
        lock (_lock)
        {
            if (_armed.Count > 0) return Task.CompletedTask;
            TaskCompletionSource waiting = new(TaskCreationOptions.RunContinuationsAsynchronously);
            _waitingForTimer.Add(waiting);
            return waiting.Task;
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (period != Timeout.InfiniteTimeSpan && period != TimeSpan.Zero) throw new NotSupportedException("Periodic timers are not used here.");
        ManualTimer timer = new(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    private void Arm(ManualTimer timer, TimeSpan dueTime)
    {
        lock (_lock)
        {
            _armed.Remove(timer);
            if (dueTime == Timeout.InfiniteTimeSpan) return;

            // A timer for "now" fires with the next tick, as a real one does a little later: at the same instant it could arm itself for ever.
            timer.DueAt = _now + Math.Max(1, Ticks(dueTime));
            _armed.Add(timer);
            foreach (TaskCompletionSource waiting in _waitingForTimer) waiting.SetResult();
            _waitingForTimer.Clear();
        }
    }

    private void Disarm(ManualTimer timer)
    {
        lock (_lock) _armed.Remove(timer);
    }

    private sealed class ManualTimer(ManualTimeProvider time, TimerCallback callback, object? state) : ITimer
    {
        private volatile bool _isDisposed;

        public long DueAt { get; set; }

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            if (_isDisposed) return false;
            time.Arm(this, dueTime);
            return true;
        }

        public void Dispose()
        {
            _isDisposed = true;
            time.Disarm(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
