namespace Gateway.Core.Features;

/// <summary>How full a view is.</summary>
/// <param name="Rows">Rows, those included whose time is over until their room is taken back.</param>
/// <param name="RowBytes">Bytes that they take, with what the store keeps of each.</param>
/// <param name="LogBytes">Bytes of the log: rows, and what has been replaced or deleted and not yet been cleared away.</param>
/// <param name="MemoryBytes">Those of them that are in memory.</param>
/// <param name="Capacity">Most bytes that the log may have.</param>
/// <param name="SpilledBytes">Bytes written to disk since the start.</param>
public sealed record FeatureUsage(long Rows, long RowBytes, long LogBytes, long MemoryBytes, long Capacity, long SpilledBytes);
