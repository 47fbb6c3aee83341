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

    /// <summary>As many are reading as can: it is not known.</summary>
    Busy,
}
