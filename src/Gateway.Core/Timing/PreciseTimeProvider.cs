using System.Runtime.Versioning;

namespace Gateway.Core.Timing;

/// <summary>The system's clock with timers that keep to microseconds.</summary>
/// <remarks>
/// <b>Behaviour</b>: the framework's timers count whole milliseconds, and a queue delay is typically a hundred microseconds. Here one thread waits in
/// the kernel for the earliest timer. Callbacks run on that thread, one at a time: they must be short. Periodic timers are not supported.
/// <b>Threading</b>: any thread. <b>Cost</b>: setting a timer is a short lock, and a system call when it becomes the earliest. There is one timer a
/// model, so the earliest is found by looking at all.
/// </remarks>
[SupportedOSPlatform("linux")]
internal sealed class PreciseTimeProvider : TimeProvider, IDisposable
{
    private const long Never = long.MaxValue;

    private readonly Lock _lock = new();
    private readonly List<PreciseTimer> _timers = [];
    private readonly KernelWait _wait = new();
    private readonly Thread _thread;
    private long _waitingUntil = Never;
    private volatile bool _isDisposed;

    public PreciseTimeProvider()
    {
        _thread = new Thread(Run) { IsBackground = true, Name = "timers" };
        _thread.Start();
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        PreciseTimer timer = new(this, callback, state);

        // Among the timers before it is set: the thread that setting it wakes would not find it, and nothing would wake it again.
        lock (_lock) _timers.Add(timer);
        timer.Change(dueTime, period);
        return timer;
    }

    public void Dispose()
    {
        _isDisposed = true;
        _wait.Wake();
        if (Thread.CurrentThread != _thread) _thread.Join();
        _wait.Dispose();
    }

    private void Run()
    {
        KernelWait.MakeThreadPunctual();
        while (!_isDisposed)
        {
            long now = GetTimestamp();
            PreciseTimer? due = null;
            long next = Never;
            lock (_lock)
            {
                foreach (PreciseTimer timer in _timers)
                {
                    if (timer.Due > now) next = Math.Min(next, timer.Due);
                    else due = timer;
                }

                if (due is not null) due.Due = Never;
                _waitingUntil = due is null ? next : 0;
            }

            if (due is not null) due.Fire();
            else if (next == Never) _wait.Wait();
            else _wait.Wait(GetElapsedTime(now, next));
        }
    }

    private void Set(PreciseTimer timer, long due)
    {
        bool isEarliest;
        lock (_lock)
        {
            timer.Due = due;
            isEarliest = due < _waitingUntil;
        }

        if (isEarliest) _wait.Wake();
    }

    private void Remove(PreciseTimer timer)
    {
        lock (_lock) _timers.Remove(timer);
    }

    private sealed class PreciseTimer(PreciseTimeProvider owner, TimerCallback callback, object? state) : ITimer
    {
        /// <summary>Under the owner's lock.</summary>
        public long Due { get; set; } = Never;

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            if (period > TimeSpan.Zero) throw new NotSupportedException("A precise timer fires once.");
            owner.Set(this, dueTime < TimeSpan.Zero ? Never : owner.GetTimestamp() + (long)(dueTime.TotalSeconds * owner.TimestampFrequency));
            return true;
        }

        public void Dispose() => owner.Remove(this);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
