namespace Gateway.Core.Timing;

/// <summary>How long work waits for a thread of the pool at present: so long has lain unread what comes in meanwhile.</summary>
/// <remarks>
/// <b>Behaviour</b>: an item is queued like any other, at most once a millisecond and only when a thread is about to be held up (<see cref="Ask"/>); how late it is, is the answer. On a machine with
/// idle threads that is next to nothing. <b>Threading</b>: any thread. <b>Cost</b>: a look at the clock; an item a millisecond; no allocation.
/// </remarks>
public sealed class PoolDelay : IThreadPoolWorkItem
{
    private static readonly long Pause = TimeProvider.System.TimestampFrequency / 1000;

    // What was seen longer ago says nothing of now.
    private static readonly long Life = TimeProvider.System.TimestampFrequency / 50;
    private static readonly PoolDelay Item = new();
    private static long _queuedAt;
    private static long _lastQueued;
    private static long _delay;
    private static long _seenAt = long.MinValue / 2;

    private PoolDelay()
    {
    }

    /// <summary>The calling thread, of the pool, will be busy for a while.</summary>
    public static void Ask()
    {
        long now = TimeProvider.System.GetTimestamp();
        if (now - Volatile.Read(ref _lastQueued) < Pause || Interlocked.CompareExchange(ref _queuedAt, now, 0) != 0) return;
        Volatile.Write(ref _lastQueued, now);
        ThreadPool.UnsafeQueueUserWorkItem(Item, preferLocal: false);
    }

    /// <summary>What it was of late; zero where nothing was seen.</summary>
    public static TimeSpan Recent()
    {
        long now = TimeProvider.System.GetTimestamp();
        return now - Volatile.Read(ref _seenAt) < Life ? TimeProvider.System.GetElapsedTime(0, Volatile.Read(ref _delay)) : TimeSpan.Zero;
    }

    void IThreadPoolWorkItem.Execute()
    {
        long now = TimeProvider.System.GetTimestamp();
        Volatile.Write(ref _delay, now - Volatile.Read(ref _queuedAt));
        Volatile.Write(ref _seenAt, now);
        Volatile.Write(ref _queuedAt, 0);
    }
}
