using FASTER.core;

namespace Gateway.Faster;

/// <summary>What FASTER calls for reads and appends.</summary>
internal sealed class StoreFunctions : FunctionsBase<StoreKey, SpanByte, int, ReadSlot, Empty>
{
    /// <summary>Where the last entry was appended; of the one session that appends.</summary>
    public long LastAddress { get; set; }

    public override bool SingleReader(ref StoreKey key, ref int input, ref SpanByte value, ref ReadSlot dst, ref ReadInfo readInfo) => dst.Take(ref value, readInfo.Address);

    public override bool ConcurrentReader(ref StoreKey key, ref int input, ref SpanByte value, ref ReadSlot dst, ref ReadInfo readInfo) => dst.Take(ref value, readInfo.Address);

    public override bool SingleWriter(ref StoreKey key, ref int input, ref SpanByte src, ref SpanByte dst, ref ReadSlot output, ref UpsertInfo upsertInfo, WriteReason reason)
    {
        src.CopyTo(ref dst);
        return true;
    }

    public override void PostSingleWriter(ref StoreKey key, ref int input, ref SpanByte src, ref SpanByte dst, ref ReadSlot output, ref UpsertInfo upsertInfo, WriteReason reason) =>
        LastAddress = upsertInfo.Address;

    // Never in place: readers copy without a lock, and an entry that is there does not change.
    public override bool ConcurrentWriter(ref StoreKey key, ref int input, ref SpanByte src, ref SpanByte dst, ref ReadSlot output, ref UpsertInfo upsertInfo) => false;
}
