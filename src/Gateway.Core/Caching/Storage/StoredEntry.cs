using Gateway.Core.Memory;

namespace Gateway.Core.Caching.Storage;

/// <summary>An entry that a store has copied out.</summary>
/// <param name="Block">Holds it, from its first byte; whoever gets it must release it. None where a part was asked for.</param>
/// <param name="Address">Where the store keeps it.</param>
internal readonly record struct StoredEntry(MemoryBlock Block, int Bytes, long Address);
