using Gateway.Core.Caching.Admission;
using Gateway.Core.Caching.Entries;
using Gateway.Core.Caching.Keys;

namespace Gateway.Core.Caching;

/// <summary>Which of a model's entries may still be used: by their age, and by when all of them were deleted.</summary>
/// <remarks>
/// <b>Behaviour</b>: a deletion holds at once by the time that is on an entry, and for good by the ledger's floor, which the writer raises when it gets there: so that a clock that is set back hides nothing that is made
/// afterwards. <b>Threading</b>: any.
/// </remarks>
/// <param name="timeToLive">How long an answer may be used; null for as long as it is there.</param>
/// <param name="clearedAt">When all were last deleted, in milliseconds of Unix time; 0 for never.</param>
internal sealed class Validity(ModelLedger ledger, TimeSpan? timeToLive, long clearedAt)
{
    // Clocks of a machine are set back by less; what is further ahead was made before a larger step, and its age is not known.
    private const long MostAheadMilliseconds = 1000;

    private readonly long _timeToLive = timeToLive is { } limit ? (long)limit.TotalMilliseconds : long.MaxValue;
    private long _clearedAt = clearedAt;

    // What was deleted before the model was loaded counts as one.
    private int _clears = clearedAt > 0 ? 1 : 0;
    private int _voided;

    /// <summary>How often all were deleted: what was begun at another count is not kept.</summary>
    public int Clears => Volatile.Read(ref _clears);

    /// <summary>Deletes all.</summary>
    /// <param name="now">In milliseconds of Unix time.</param>
    public void Clear(long now)
    {
        Volatile.Write(ref _clearedAt, now);
        Interlocked.Increment(ref _clears);
    }

    /// <summary>Has the last deletion hold for what lies ahead of the clock too, until the floor says what it was.</summary>
    /// <param name="latest">When the latest entry was made, or later: in milliseconds of Unix time.</param>
    public void HideUntil(long latest) => Volatile.Write(ref _clearedAt, latest);

    /// <summary>Has the ledger's floor say what one of the deletions has deleted: the writer has got there.</summary>
    /// <param name="clears">The count that it made.</param>
    /// <param name="tail">Where the log ends.</param>
    public void RaiseFloor(int clears, long tail)
    {
        ledger.Clear(tail);
        Volatile.Write(ref _voided, clears);
    }

    /// <summary>What an entry has to be to answer a request.</summary>
    /// <param name="maxAgeSeconds">How old it may be for that request; 0 for as old as the model's may.</param>
    /// <param name="now">In milliseconds of Unix time.</param>
    public EntryTest TestFor(CacheKey key, long maxAgeSeconds, long now)
    {
        long oldest = _timeToLive == long.MaxValue ? 0 : now - _timeToLive;

        // As old as it says is not too old.
        if (maxAgeSeconds > 0) oldest = Math.Max(oldest, now - (1000 * maxAgeSeconds) - 1);
        long cleared = Volatile.Read(ref _clearedAt);
        if (cleared > 0 && Volatile.Read(ref _voided) is > 0 and var voided && voided == Clears) cleared = 0;
        return new EntryTest(key, ledger.Floor, Math.Max(oldest, cleared), now + MostAheadMilliseconds);
    }

    /// <summary>Whether an entry is too old for any request.</summary>
    public bool IsOver(in EntryHeader header, long now) => header.Created <= OverUntil(now);

    /// <summary>What was made by then is too old for any request: in milliseconds of Unix time; <see cref="long.MinValue"/> where nothing grows too old.</summary>
    public long OverUntil(long now) => _timeToLive == long.MaxValue ? long.MinValue : now - _timeToLive;
}
