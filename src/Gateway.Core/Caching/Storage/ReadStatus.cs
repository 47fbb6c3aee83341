namespace Gateway.Core.Caching.Storage;

/// <summary>What a store says to a read at once.</summary>
internal enum ReadStatus
{
    NotFound,

    Found,

    /// <summary>It may be on disk, and is being read.</summary>
    Pending,

    /// <summary>There is something that cannot be had: the disk does not give back what was written, or there is no memory to copy it to.</summary>
    Unreadable,

    /// <summary>It is not known: it is not in memory, and the disk may not be asked or as many read it as may; or as many threads read as can.</summary>
    Busy,
}
