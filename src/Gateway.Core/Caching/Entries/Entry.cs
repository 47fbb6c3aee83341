using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Gateway.Core.Caching.Keys;
using Gateway.Core.Requests;
using Gateway.Protocol.Tensors;

namespace Gateway.Core.Caching.Entries;

/// <summary>The layout of an entry: all outputs of an answer, as the model gave them, behind a header that says whose they are.</summary>
/// <remarks>
/// <para>Header (96 bytes), then for each output its type, rank, place, length and dimensions, then the outputs' bytes, each at a multiple of 16. Nothing in it is
/// of any protocol: outputs are named by their position, which the load generation in the key fixes. Little-endian, as the tensors are.</para>
/// <para>What comes from a disk counts only if its seal is right: a keyed digest of the whole entry, so that neither a torn write nor a stranger makes one.</para>
/// </remarks>
internal static class Entry
{
    /// <summary>What every entry begins with: "GWCACHE" and the layout's version.</summary>
    public const ulong Magic = 0x01_45_48_43_41_43_57_47;

    private const int Alignment = 16;

    /// <summary>Bytes of the header.</summary>
    public static readonly int HeaderBytes = Unsafe.SizeOf<EntryHeader>();

    private static readonly int OutputBytes = Unsafe.SizeOf<EntryOutput>();
    private static readonly int SealOffset = HeaderBytes - Unsafe.SizeOf<UInt128>();

    /// <summary>Bytes of the entry of an answered request.</summary>
    public static long Bytes(InferenceRequest request)
    {
        long bytes = HeadBytes(request.Outputs);
        foreach (ref readonly OutputTensor output in request.Outputs) bytes = Aligned(bytes) + output.ByteLength;
        return bytes;
    }

    /// <summary>Writes the entry of an answered request, but for its seal.</summary>
    /// <param name="to">As many bytes as <see cref="Bytes"/> says.</param>
    /// <param name="header">Its <c>Bytes</c> and <c>Outputs</c> are filled in.</param>
    public static void Write(Span<byte> to, InferenceRequest request, EntryHeader header)
    {
        ReadOnlySpan<OutputTensor> outputs = request.Outputs;
        header.Magic = Magic;
        header.Bytes = to.Length;
        header.Outputs = outputs.Length;
        MemoryMarshal.Write(to, header);
        int at = HeaderBytes;
        long data = HeadBytes(outputs);
        foreach (ref readonly OutputTensor output in outputs)
        {
            data = Aligned(data);
            MemoryMarshal.Write(to[at..], new EntryOutput { DataType = (int)output.DataType, Rank = output.Shape.Rank, Offset = (int)data, Bytes = output.ByteLength });
            at += OutputBytes;
            foreach (long dimension in output.Shape.Dims)
            {
                MemoryMarshal.Write(to[at..], dimension);
                at += sizeof(long);
            }

            output.Bytes.CopyTo(to[(int)data..]);
            data += output.ByteLength;
        }
    }

    /// <summary>The header of an entry that is whole.</summary>
    public static ref readonly EntryHeader Header(ReadOnlySpan<byte> entry) => ref MemoryMarshal.AsRef<EntryHeader>(entry);

    /// <summary>Reads a header where there may be none.</summary>
    /// <returns>False when nothing that begins like an entry begins there, or it does not end there.</returns>
    public static bool TryReadHeader(ReadOnlySpan<byte> from, out EntryHeader header)
    {
        header = default;
        if (from.Length < HeaderBytes) return false;
        header = MemoryMarshal.Read<EntryHeader>(from);
        return header.Magic == Magic && header.Bytes >= HeaderBytes && header.Bytes <= from.Length;
    }

    /// <summary>Whether an entry is of a key, however old.</summary>
    public static bool IsOf(ReadOnlySpan<byte> entry, CacheKey key) => TryReadHeader(entry, out EntryHeader header) && header.Hash == key.Hash && header.Check == key.Check;

    /// <summary>Whether an entry answers what is asked for.</summary>
    public static bool Passes(ReadOnlySpan<byte> entry, long address, in EntryTest test)
    {
        if (entry.Length < HeaderBytes) return false;
        EntryHeader header = MemoryMarshal.Read<EntryHeader>(entry);
        return header.Magic == Magic && header.Bytes == entry.Length && header.Hash == test.Key.Hash && header.Check == test.Key.Check
            && address >= test.MinAddress && header.Created > test.After && header.Created <= test.Until;
    }

    /// <summary>Fills in the outputs of a request from the entry.</summary>
    /// <param name="entry">Stays where it is as long as the outputs are used.</param>
    public static unsafe void Read(byte* entry, Span<OutputTensor> outputs)
    {
        byte* at = entry + HeaderBytes;
        foreach (ref OutputTensor output in outputs)
        {
            EntryOutput kept = Unsafe.ReadUnaligned<EntryOutput>(at);
            at += OutputBytes;
            output = new OutputTensor
            {
                DataType = (DataType)kept.DataType,
                Shape = new TensorShape(new ReadOnlySpan<long>(at, kept.Rank)),
                Address = entry + kept.Offset,
                ByteLength = kept.Bytes,
            };
            at += kept.Rank * sizeof(long);
        }
    }

    /// <summary>Seals an entry.</summary>
    public static void Seal(Span<byte> entry, CacheSecret secret) => MemoryMarshal.Write(entry[SealOffset..], SealOf(entry, secret));

    /// <summary>Whether an entry is what was sealed.</summary>
    public static bool IsSealed(ReadOnlySpan<byte> entry, CacheSecret secret) =>
        entry.Length >= HeaderBytes && MemoryMarshal.Read<UInt128>(entry[SealOffset..]) == SealOf(entry, secret);

    private static UInt128 SealOf(ReadOnlySpan<byte> entry, CacheSecret secret)
    {
        // The length is in the header.
        AegisMac mac = secret.ForEntries;
        mac.Absorb(entry[..SealOffset]);
        mac.Absorb(entry[HeaderBytes..]);
        return mac.Finish().First;
    }

    private static long HeadBytes(ReadOnlySpan<OutputTensor> outputs)
    {
        long bytes = HeaderBytes;
        foreach (ref readonly OutputTensor output in outputs) bytes += OutputBytes + (output.Shape.Rank * sizeof(long));
        return bytes;
    }

    private static long Aligned(long offset) => (offset + Alignment - 1) & -Alignment;
}
