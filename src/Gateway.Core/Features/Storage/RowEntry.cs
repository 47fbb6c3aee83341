using System.Runtime.InteropServices;
using Gateway.Core.Caching.Entries;
using Gateway.Core.Caching.Keys;

namespace Gateway.Core.Features.Storage;

/// <summary>The layout of a row in the store: the header that the cache's entries have, and the row's bytes. A deletion is a header alone, made at no time, which nobody finds.</summary>
internal static class RowEntry
{
    /// <summary>Bytes that a row takes in the log: with its header, the store's key and record, and what aligns it.</summary>
    public static long LogBytes(int rowBytes) => (Entry.HeaderBytes + rowBytes + RecordBytes + 7) & ~7L;

    // FASTER's: 8 of the record's own, 16 of the key, 4 of the value's length.
    private const int RecordBytes = 28;

    /// <summary>Writes an entry and seals it.</summary>
    /// <param name="to">As long as the entry: header and row.</param>
    /// <param name="created">In milliseconds of Unix time; 0 for a deletion.</param>
    /// <param name="order">Higher than that of every entry before.</param>
    /// <param name="row">Nothing for a deletion.</param>
    public static void Write(Span<byte> to, CacheKey key, long created, long order, ReadOnlySpan<byte> row, CacheSecret secret)
    {
        MemoryMarshal.Write(to, new EntryHeader { Magic = Entry.Magic, Bytes = to.Length, Created = created, Order = order, Hash = key.Hash, Check = key.Check });
        row.CopyTo(to[Entry.HeaderBytes..]);
        Entry.Seal(to, secret);
    }

    /// <summary>Whether an entry says that there is no row.</summary>
    public static bool IsDeletion(in EntryHeader header) => header.Created == 0;
}
