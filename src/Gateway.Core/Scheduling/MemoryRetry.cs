namespace Gateway.Core.Scheduling;

/// <summary>When batches that there was no memory for are tried again, a size larger at a time: what had the memory then may be gone.</summary>
/// <remarks>
/// <b>Behaviour</b>: ten minutes after they failed, and for each such try in vain twice as long after it, up to a day, until one goes well; what fails on the way down from one size to the next is no try.
/// <b>Threading</b>: any thread.
/// </remarks>
internal sealed class MemoryRetry
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan LongestPause = TimeSpan.FromDays(1);

    private readonly Lock _lock = new();
    private TimeSpan _pause = FirstPause;
    private long _since;

    // The largest size that there was memory for when the next was tried; 0 where none is being tried.
    private int _triedAbove;

    /// <summary>A batch failed for want of memory.</summary>
    /// <param name="now">A timestamp of the clock.</param>
    public void OnFailed(long now)
    {
        lock (_lock)
        {
            if (_triedAbove > 0) _pause = TimeSpan.FromTicks(Math.Min(2 * _pause.Ticks, LongestPause.Ticks));
            _triedAbove = 0;
            _since = now;
        }
    }

    /// <summary>A batch ran.</summary>
    public void OnRan(int rows)
    {
        int above = Volatile.Read(ref _triedAbove);
        if (above == 0 || rows <= above) return;
        lock (_lock)
        {
            _triedAbove = 0;
            _pause = FirstPause;
        }
    }

    /// <summary>Whether the next larger size is to be tried now.</summary>
    /// <param name="most">The largest that there was memory for.</param>
    /// <returns>True once, and again when as much time has passed since.</returns>
    public bool IsDue(TimeProvider time, long now, int most)
    {
        lock (_lock)
        {
            if (time.GetElapsedTime(_since, now) < _pause) return false;
            _triedAbove = most;
            _since = now;
            return true;
        }
    }
}
