using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;

namespace Gateway.Core.Overflow.Reports;

/// <summary>What a replica says of one model's queue: when a request that comes now would be answered, and how that grows.</summary>
/// <remarks>
/// 24 bytes, little-endian, in this order: version (upper four bits, 1) and state, one of zero, sequence (4), boot (2), completion (4), row (4), queue (2), in service (2), capacity (2),
/// two of zero. There is no time of day in it: who receives it counts its age from then, so clocks need not agree.
/// </remarks>
/// <param name="State">Whether the replica takes requests.</param>
/// <param name="Sequence">Grows with each report of a boot, and wraps; what comes late is told by it.</param>
/// <param name="Boot">Another number after each start.</param>
/// <param name="CompletionMicroseconds">Time until one more row would be answered: the wait and the run. The largest number for never.</param>
/// <param name="RowNanoseconds">What each further row adds to that.</param>
/// <param name="QueuedRequests">Requests that wait, at most 65,535.</param>
/// <param name="RequestsInService">Requests that are being run, at most 65,535.</param>
/// <param name="RowsPerSecond">What it can sustain, in steps of 16, at most 1,048,560.</param>
public sealed record LoadReport(
    ReplicaState State, uint Sequence, ushort Boot, uint CompletionMicroseconds, uint RowNanoseconds, ushort QueuedRequests, ushort RequestsInService, int RowsPerSecond)
{
    /// <summary>Bytes of a report.</summary>
    public const int Bytes = 24;

    /// <summary>Characters of a report in a header: base64url, without padding.</summary>
    public const int HeaderLength = 32;

    private const int Version = 1;
    private const int RateStep = 16;

    /// <summary>Whether it was made after another of the same replica, or after a restart.</summary>
    public bool IsNewerThan(LoadReport other) => Boot != other.Boot || (int)(Sequence - other.Sequence) > 0;

    public void Write(Span<byte> to)
    {
        to[0] = (byte)((Version << 4) | (int)State);
        to[1] = 0;
        BinaryPrimitives.WriteUInt32LittleEndian(to[2..], Sequence);
        BinaryPrimitives.WriteUInt16LittleEndian(to[6..], Boot);
        BinaryPrimitives.WriteUInt32LittleEndian(to[8..], CompletionMicroseconds);
        BinaryPrimitives.WriteUInt32LittleEndian(to[12..], RowNanoseconds);
        BinaryPrimitives.WriteUInt16LittleEndian(to[16..], QueuedRequests);
        BinaryPrimitives.WriteUInt16LittleEndian(to[18..], RequestsInService);
        BinaryPrimitives.WriteUInt16LittleEndian(to[20..], (ushort)Math.Clamp(RowsPerSecond / RateStep, 0, ushort.MaxValue));
        BinaryPrimitives.WriteUInt16LittleEndian(to[22..], 0);
    }

    /// <returns>Null for what is no report of this version.</returns>
    public static LoadReport? Read(ReadOnlySpan<byte> from)
    {
        if (from.Length < Bytes || from[0] >> 4 != Version || (from[0] & 15) > (int)ReplicaState.Draining) return null;
        return new LoadReport(
            (ReplicaState)(from[0] & 15),
            BinaryPrimitives.ReadUInt32LittleEndian(from[2..]),
            BinaryPrimitives.ReadUInt16LittleEndian(from[6..]),
            BinaryPrimitives.ReadUInt32LittleEndian(from[8..]),
            BinaryPrimitives.ReadUInt32LittleEndian(from[12..]),
            BinaryPrimitives.ReadUInt16LittleEndian(from[16..]),
            BinaryPrimitives.ReadUInt16LittleEndian(from[18..]),
            BinaryPrimitives.ReadUInt16LittleEndian(from[20..]) * RateStep);
    }

    /// <summary>As a header's value.</summary>
    public string ToHeader()
    {
        Span<byte> bytes = stackalloc byte[Bytes];
        Write(bytes);
        return Base64Url.EncodeToString(bytes);
    }

    /// <returns>Null for what is no report.</returns>
    public static LoadReport? ParseHeader(ReadOnlySpan<char> text)
    {
        Span<byte> bytes = stackalloc byte[Bytes];
        return text.Length == HeaderLength && Base64Url.DecodeFromChars(text, bytes, out _, out int written) == OperationStatus.Done && written == Bytes ? Read(bytes) : null;
    }
}
