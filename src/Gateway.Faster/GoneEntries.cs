using FASTER.core;
using Gateway.Core.Caching.Entries;

namespace Gateway.Faster;

/// <summary>What FASTER asks, when it moves entries to the log's end, whether one may be left behind.</summary>
internal readonly struct GoneEntries(Predicate<EntryHeader> isGone) : ICompactionFunctions<StoreKey, SpanByte>
{
    public bool IsDeleted(ref StoreKey key, ref SpanByte value) => !Entry.TryReadHeader(value.AsReadOnlySpan(), out EntryHeader header) || isGone(header);
}
