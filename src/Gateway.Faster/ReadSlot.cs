using FASTER.core;
using Gateway.Core.Caching.Entries;
using Gateway.Core.Caching.Storage;
using Gateway.Core.Memory;

namespace Gateway.Faster;

/// <summary>What a read looks for, and what it finds; goes with a session.</summary>
/// <remarks><b>Threading</b>: one read at a time. The log's memory is safe only within <see cref="Take"/>, so the entry is copied there.</remarks>
internal sealed class ReadSlot(BlockPool pool)
{
    private EntryTest _test;

    public StoredEntry? Found { get; private set; }

    public void Begin(in EntryTest test)
    {
        _test = test;
        Found = null;
    }

    /// <summary>Looks at what is kept under the key.</summary>
    public bool Take(ref SpanByte value, long address)
    {
        ReadOnlySpan<byte> entry = value.AsReadOnlySpan();
        if (!Entry.Passes(entry, address, _test)) return false;
        if (!pool.TryRent(entry.Length, BlockOwner.CachedAnswer, out MemoryBlock? block)) return false;
        entry.CopyTo(block.Span);
        Found = new StoredEntry(block, entry.Length, address);
        return true;
    }
}
