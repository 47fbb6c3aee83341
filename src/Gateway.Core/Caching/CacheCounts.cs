using Gateway.Core.Diagnostics;

namespace Gateway.Core.Caching;

/// <summary>Counters of one model version's cache.</summary>
/// <remarks><b>Threading</b>: any; a short lock. Each request that looks is a hit, a miss or a join, so that these add up to the lookups.</remarks>
public sealed class CacheCounts
{
    // So many look-ups in a row that found nothing are no accident.
    private const int MissesOfNoUse = 4096;

    private readonly Lock _lock = new();
    private long _misses;
    private long _missesAtLastUse;

    /// <summary>Ages in seconds: from a second, in which a burst is over, to a week.</summary>
    public static ReadOnlySpan<double> AgeBounds => [1, 10, 60, 600, 3600, 21_600, 86_400, 604_800];

    /// <summary>Whether nothing that was looked for lately was there, or in flight.</summary>
    public bool IsOfNoUse => Misses - Volatile.Read(ref _missesAtLastUse) >= MissesOfNoUse;

    /// <summary>Requests answered from the cache.</summary>
    public long Hits { get; private set; }

    /// <summary>Those of them that were on disk.</summary>
    public long DiskHits { get; private set; }

    /// <summary>Requests that looked and were run, or refused because they were not to be.</summary>
    public long Misses => Volatile.Read(ref _misses);

    /// <summary>Requests answered by another's run.</summary>
    public long Joins { get; private set; }

    /// <summary>Requests that wanted to be run, and kept.</summary>
    public long Refreshes { get; private set; }

    /// <summary>Requests that wanted no cache.</summary>
    public long Bypasses { get; private set; }

    /// <summary>Answers kept.</summary>
    public long Insertions { get; private set; }

    /// <summary>Answers taken over from an earlier life of the server.</summary>
    public long Restored { get; private set; }

    /// <summary>Answers let go of to make room, or because the model's quota was full.</summary>
    public long Evictions { get; private set; }

    /// <summary>Answers not kept, because nobody had asked for them before and the cache was full.</summary>
    public long NotAdmitted { get; private set; }

    /// <summary>Answers not kept, because they are too large or came faster than they could be written.</summary>
    public long NotStored { get; private set; }

    /// <summary>From a request that is a hit to its answer.</summary>
    public DurationHistogram HitDuration { get; } = new();

    /// <summary>Looking for what was not there, of requests whose run has ended.</summary>
    public long MissedLookupNanoseconds { get; private set; }

    /// <summary>Making entries of answers, kept or not; writing them is nobody's wait.</summary>
    public long InsertionNanoseconds { get; private set; }

    /// <summary>Looking, of all requests that did and found or did not.</summary>
    public long LookupNanoseconds => HitDuration.TotalNanoseconds + MissedLookupNanoseconds;

    /// <summary>Looking and keeping, of requests that are misses.</summary>
    public long MissNanoseconds => MissedLookupNanoseconds + InsertionNanoseconds;

    /// <summary>Hits by how old their answers were: up to each of <see cref="AgeBounds"/>, not cumulative, and one more for the rest.</summary>
    public long[] HitAges { get; } = new long[AgeBounds.Length + 1];

    /// <summary>Ages of all hits together.</summary>
    public long HitAgeMilliseconds { get; private set; }

    internal void CountHit(long nanoseconds, long ageMilliseconds, bool isOnDisk)
    {
        lock (_lock)
        {
            Hits++;
            _missesAtLastUse = _misses;
            if (isOnDisk) DiskHits++;
            HitDuration.Add(nanoseconds);
            HitAgeMilliseconds += ageMilliseconds;
            int bucket = 0;
            while (bucket < AgeBounds.Length && ageMilliseconds > 1000 * AgeBounds[bucket]) bucket++;
            HitAges[bucket]++;
        }
    }

    internal void CountMiss() => Interlocked.Increment(ref _misses);

    internal void CountJoin()
    {
        lock (_lock)
        {
            Joins++;
            _missesAtLastUse = _misses;
        }
    }

    internal void CountRefresh()
    {
        lock (_lock) Refreshes++;
    }

    internal void CountBypass()
    {
        lock (_lock) Bypasses++;
    }

    /// <summary>A request that was run has its answer, or none.</summary>
    /// <param name="lookedNanoseconds">For how long it had been looked for.</param>
    /// <param name="insertionNanoseconds">What it took to make its entry.</param>
    internal void CountRun(long lookedNanoseconds, KeptOutcome outcome, long insertionNanoseconds)
    {
        lock (_lock)
        {
            MissedLookupNanoseconds += lookedNanoseconds;
            InsertionNanoseconds += insertionNanoseconds;
            if (outcome == KeptOutcome.NotAdmitted) NotAdmitted++;
            else if (outcome == KeptOutcome.NotStored) NotStored++;
        }
    }

    internal void CountInsertion(long evicted)
    {
        lock (_lock)
        {
            Insertions++;
            Evictions += evicted;
        }
    }

    internal void CountRestored(long evicted)
    {
        lock (_lock)
        {
            Restored++;
            Evictions += evicted;
        }
    }

    internal void CountEvictions(long entries)
    {
        lock (_lock) Evictions += entries;
    }

    /// <summary>A copy of all counts, taken at one moment.</summary>
    public CacheCounts Snapshot()
    {
        CacheCounts copy = new();
        lock (_lock)
        {
            copy.Hits = Hits;
            copy.DiskHits = DiskHits;
            copy._misses = Misses;
            copy.Joins = Joins;
            copy.Refreshes = Refreshes;
            copy.Bypasses = Bypasses;
            copy.Insertions = Insertions;
            copy.Restored = Restored;
            copy.Evictions = Evictions;
            copy.NotAdmitted = NotAdmitted;
            copy.NotStored = NotStored;
            copy.MissedLookupNanoseconds = MissedLookupNanoseconds;
            copy.InsertionNanoseconds = InsertionNanoseconds;
            HitDuration.CopyTo(copy.HitDuration);
            copy.HitAgeMilliseconds = HitAgeMilliseconds;
            HitAges.CopyTo(copy.HitAges, 0);
        }

        return copy;
    }
}
