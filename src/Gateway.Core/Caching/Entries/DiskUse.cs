namespace Gateway.Core.Caching.Entries;

/// <summary>Whether a read may go to the disk for what is not in memory.</summary>
internal enum DiskUse
{
    /// <summary>While not too many others do.</summary>
    Shared,

    /// <summary>However many others do: the thread that appends asks, which has to know.</summary>
    Always,

    /// <summary>What is in memory is enough.</summary>
    Never,
}
