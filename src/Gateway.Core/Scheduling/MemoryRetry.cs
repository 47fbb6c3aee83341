namespace Gateway.Core.Scheduling;

/// <summary>When batches that there was no memory for are tried again, a size larger at a time: what had the memory then may be gone.</summary>
/// <remarks>
/// <b>Behaviour</b>: ten minutes after they failed, and for each such try in vain twice as long after it, up to a day; what fails on the way down from one size to the next is no try.
/// <b>Threading</b>: any thread.
/// </remarks>
internal sealed class MemoryRetry
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan LongestPause = TimeSpan.FromDays(1);

    private readonly Lock _lock = new();
    private TimeSpan _pause = FirstPause;
    private long _since;
    private bool _isTried;

    /// <summary>A batch failed for want of memory.</summary>
    /// <param name="now">A timestamp of the clock.</param>
    public void OnFailed(long now)
    {
        lock (_lock)
        {
            if (_isTried) _pause = TimeSpan.FromTicks(Math.Min(2 * _pause.Ticks, LongestPause.Ticks));
            _isTried = false;
            _since = now;
        }
    }

    /// <summary>Whether the next larger size is to be tried now.</summary>
    /// <returns>True once, and again when as much time has passed since.</returns>
    public bool IsDue(TimeProvider time, long now)
    {
        lock (_lock)
        {
            if (time.GetElapsedTime(_since, now) < _pause) return false;
            _isTried = true;
            _since = now;
            return true;
        }
    }
}
