using Gateway.Core.Caching.Keys;

namespace Gateway.Core.Caching.Entries;

/// <summary>What an entry has to be to answer a request.</summary>
/// <param name="Key">The request's.</param>
/// <param name="MinAddress">What the store keeps before it is no longer the model's: its quota is full.</param>
/// <param name="After">Made later than this, in milliseconds of Unix time: what is older has expired, or was deleted.</param>
/// <param name="Until">Made no later than this: what comes from the future was made before the clock was set back, and its age is not known.</param>
/// <param name="Part">What is wanted of it, and where; by default all of it, in a block.</param>
/// <param name="Disk">Whether it may be looked for on the disk.</param>
internal readonly record struct EntryTest(CacheKey Key, long MinAddress, long After, long Until, EntryPart Part = default, DiskUse Disk = DiskUse.Shared);
