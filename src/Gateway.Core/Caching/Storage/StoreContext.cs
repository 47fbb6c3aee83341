using Gateway.Core.Caching.Keys;
using Gateway.Core.Memory;

namespace Gateway.Core.Caching.Storage;

/// <summary>What a store is opened with.</summary>
/// <param name="MemoryBytes">Bytes of memory in all.</param>
/// <param name="Folder">A new, empty folder for its log; null to keep entries in memory alone.</param>
/// <param name="DiskBytes">Most bytes in it.</param>
/// <param name="Secret">Keys the checks of what it writes.</param>
/// <param name="Pool">Where the blocks of entries that are read come from.</param>
/// <param name="OnFailure">Is told once when the disk fails; the store goes on in memory.</param>
/// <param name="KeepsAll">Whether nothing is let go of to make room: what there is no room for is refused, and <see cref="IResponseStore.Compact"/> makes some.</param>
internal sealed record StoreContext(long MemoryBytes, string? Folder, long DiskBytes, CacheSecret Secret, BlockPool Pool, Action<string> OnFailure, bool KeepsAll = false);
