using FASTER.core;
using Gateway.Core.Caching.Entries;
using Gateway.Core.Caching.Keys;
using Gateway.Core.Caching.Storage;
using Gateway.Core.Memory;

namespace Gateway.Faster;

/// <summary>What a read looks for, and what it finds; goes with a session.</summary>
/// <remarks><b>Threading</b>: one read at a time. The log's memory is safe only within <see cref="Take"/>, so the entry is copied there.</remarks>
internal sealed class ReadSlot(FasterStore store, BlockPool pool)
{
    private EntryTest _test;

    public StoredEntry? Found { get; private set; }

    /// <summary>What is kept under the key and does not pass; without a block, and with no bytes for nothing.</summary>
    public StoredEntry Stale { get; private set; }

    /// <summary>Whether there is something that could not be taken.</summary>
    public bool IsUnreadable { get; private set; }

    /// <summary>Whether what is shown comes from the disk, whose word is not taken for it: it must be what was sealed.</summary>
    public bool IsFromDisk { get; set; }

    public CacheKey Key => _test.Key;

    public void Begin(in EntryTest test) => _test = test;

    /// <summary>Nothing has been found so far.</summary>
    public void Again()
    {
        Found = null;
        Stale = default;
        IsUnreadable = false;
        IsFromDisk = false;
    }

    /// <summary>Looks at what is kept under the key.</summary>
    public bool Take(ref SpanByte value, long address)
    {
        ReadOnlySpan<byte> entry = value.AsReadOnlySpan();
        if (!Entry.Passes(entry, address, _test))
        {
            if (address >= _test.MinAddress && Entry.IsOf(entry, _test.Key)) Stale = new StoredEntry(null!, entry.Length, address);
            return false;
        }

        if (IsFromDisk && !store.IsSealed(entry)) return Fail();
        return _test.Part.To == 0 ? TakeWhole(entry, address) : TakePart(entry, address);
    }

    private bool TakeWhole(ReadOnlySpan<byte> entry, long address)
    {
        if (!pool.TryRent(entry.Length, BlockOwner.CachedAnswer, out MemoryBlock? block)) return Fail();
        entry.CopyTo(block.Span);
        Found = new StoredEntry(block, entry.Length, address);
        return true;
    }

    private unsafe bool TakePart(ReadOnlySpan<byte> entry, long address)
    {
        EntryPart part = _test.Part;
        if (entry.Length < part.From + part.Bytes) return Fail();
        entry.Slice(part.From, part.Bytes).CopyTo(new Span<byte>((void*)part.To, part.Bytes));
        Found = new StoredEntry(null!, entry.Length, address);
        return true;
    }

    private bool Fail()
    {
        IsUnreadable = true;
        return false;
    }
}
