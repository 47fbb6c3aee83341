using System.Buffers.Binary;

namespace Gateway.Protocol.Frames;

/// <summary>The frame around a message: four bytes of length, big-endian, before an array of kind, call and body.</summary>
public static class Frame
{
    /// <summary>Bytes of the length, which does not count itself.</summary>
    public const int LengthBytes = sizeof(uint);

    /// <summary>Parts of a message: kind, call, body.</summary>
    public const int Parts = 3;

    /// <summary>What <c>version</c> of a <c>hello</c> says.</summary>
    public const int Version = 1;

    public static uint ReadLength(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadUInt32BigEndian(frame);

    public static void WriteLength(Span<byte> frame, int length) => BinaryPrimitives.WriteUInt32BigEndian(frame, (uint)length);
}
