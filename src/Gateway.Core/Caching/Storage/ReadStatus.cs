namespace Gateway.Core.Caching.Storage;

/// <summary>What a store says to a read at once.</summary>
internal enum ReadStatus
{
    NotFound,

    Found,

    /// <summary>It may be on disk, and is being read.</summary>
    Pending,
}
