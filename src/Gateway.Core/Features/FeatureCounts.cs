namespace Gateway.Core.Features;

/// <summary>Counters of one view.</summary>
/// <remarks><b>Threading</b>: any; each by itself. Hits and misses add up to the lookups that were answered.</remarks>
public sealed class FeatureCounts
{
    private long _hits;
    private long _misses;
    private long _diskReads;
    private long _unreadable;
    private long _created;
    private long _replaced;
    private long _deleted;
    private long _expired;
    private long _loads;
    private long _loadedRows;

    /// <summary>Keys that were looked up and had a row.</summary>
    public long Hits => Volatile.Read(ref _hits);

    /// <summary>Keys that were looked up and had none.</summary>
    public long Misses => Volatile.Read(ref _misses);

    /// <summary>Keys whose row, if any, had to be read from the disk.</summary>
    public long DiskReads => Volatile.Read(ref _diskReads);

    /// <summary>Keys whose row could not be read.</summary>
    public long Unreadable => Volatile.Read(ref _unreadable);

    public long Created => Volatile.Read(ref _created);

    public long Replaced => Volatile.Read(ref _replaced);

    public long Deleted => Volatile.Read(ref _deleted);

    /// <summary>Rows whose time was over and whose room was taken back.</summary>
    public long Expired => Volatile.Read(ref _expired);

    /// <summary>Files loaded at the start.</summary>
    public long Loads => Volatile.Read(ref _loads);

    public long LoadedRows => Volatile.Read(ref _loadedRows);

    internal void CountLookups(long hits, long misses)
    {
        Interlocked.Add(ref _hits, hits);
        if (misses > 0) Interlocked.Add(ref _misses, misses);
    }

    internal void CountDiskRead() => Interlocked.Increment(ref _diskReads);

    internal void CountUnreadable() => Interlocked.Increment(ref _unreadable);

    internal void CountExpired() => Interlocked.Increment(ref _expired);

    internal void Count(in FeatureChange change)
    {
        Interlocked.Add(ref _created, change.Created);
        Interlocked.Add(ref _replaced, change.Replaced);
        Interlocked.Add(ref _deleted, change.Deleted);
    }

    internal void CountLoad(long rows)
    {
        Interlocked.Increment(ref _loads);
        Interlocked.Add(ref _loadedRows, rows);
    }
}
