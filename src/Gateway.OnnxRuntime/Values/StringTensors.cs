using System.Buffers;
using System.Buffers.Binary;

using Gateway.OnnxRuntime.Native;

namespace Gateway.OnnxRuntime.Values;

/// <summary>Moves strings between a native string tensor and their protocol form: each a 32-bit little-endian length and that many bytes.</summary>
/// <remarks>Cost: no managed allocation; filling makes one native call a string, copying two in all.</remarks>
internal static unsafe class StringTensors
{
    private const int LengthBytes = sizeof(uint);

    public static void Fill(nint value, ReadOnlySpan<byte> raw, int count)
    {
        ReadOnlySpan<byte> rest = raw;
        for (int i = 0; i < count; i++)
        {
            if (rest.Length < LengthBytes) ThrowCutShort(i, rest.Length, LengthBytes);
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(rest);
            rest = rest[LengthBytes..];
            if (length > (uint)rest.Length) ThrowCutShort(i, rest.Length, length);

            // Not FillStringTensor, which takes strings that end at a zero byte: these may hold one.
            byte* destination;
            OrtStatus.Check(OrtLibrary.Api->GetResizedStringTensorElementBuffer(value, (nuint)i, length, &destination));
            rest[..(int)length].CopyTo(new Span<byte>(destination, (int)length));
            rest = rest[(int)length..];
        }

        if (!rest.IsEmpty) throw new ArgumentException($"{rest.Length} bytes follow the last of {count} strings.", nameof(raw));
    }

    public static long ByteCount(nint value, long count) => checked((long)ContentLength(value) + (count * LengthBytes));

    public static void CopyTo(nint value, long count, Span<byte> raw)
    {
        int contentLength = checked((int)ContentLength(value));
        int lengthsLength = checked((int)count * LengthBytes);
        if (raw.Length < lengthsLength + contentLength)
        {
            throw new ArgumentException($"The strings take {lengthsLength + contentLength} bytes, not {raw.Length}.", nameof(raw));
        }

        if (count == 0) return;

        // The library writes all strings one after the other: at the end of the destination, from where each then moves forward to its
        // place. String i ends at or before where string i + 1 still lies, so none is written over before it has moved.
        nuint[] starts = ArrayPool<nuint>.Shared.Rent((int)count);
        try
        {
            fixed (nuint* start = starts)
            fixed (byte* content = raw)
            {
                OrtStatus.Check(OrtLibrary.Api->GetStringTensorContent(
                    value, content + lengthsLength, (nuint)contentLength, start, (nuint)count));
            }

            int written = 0;
            for (int i = 0; i < (int)count; i++)
            {
                int from = (int)starts[i];
                int length = (i + 1 < (int)count ? (int)starts[i + 1] : contentLength) - from;
                Span<byte> text = raw.Slice(lengthsLength + from, length);
                text.CopyTo(raw[(written + LengthBytes)..]);
                BinaryPrimitives.WriteUInt32LittleEndian(raw[written..], (uint)length);
                written += LengthBytes + length;
            }
        }
        finally
        {
            ArrayPool<nuint>.Shared.Return(starts);
        }
    }

    private static nuint ContentLength(nint value)
    {
        nuint length;
        OrtStatus.Check(OrtLibrary.Api->GetStringTensorDataLength(value, &length));
        return length;
    }

    private static void ThrowCutShort(int index, int left, long needed) =>
        throw new ArgumentException($"String {index} is cut short: {needed} bytes are needed and {left} are left.");
}
