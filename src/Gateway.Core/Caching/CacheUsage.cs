namespace Gateway.Core.Caching;

/// <summary>How full the cache is.</summary>
/// <param name="Capacity">Bytes of entries that there is room for, in memory and on disk.</param>
/// <param name="Bytes">Bytes that are used, entries that nobody may use any more included until the log is past them.</param>
/// <param name="MemoryBytes">Those of them that are in memory.</param>
/// <param name="SpilledBytes">Bytes written to disk since the start.</param>
/// <param name="Entries">Entries of the models that are served.</param>
public sealed record CacheUsage(long Capacity, long Bytes, long MemoryBytes, long SpilledBytes, long Entries);
