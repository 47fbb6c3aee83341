using System.Buffers.Binary;

namespace Gateway.Protocol.Http2;

/// <summary>The nine bytes before every frame of HTTP/2.</summary>
/// <param name="Length">Bytes that follow.</param>
/// <param name="Stream">0 for the connection itself.</param>
internal readonly record struct FrameHeader(int Length, FrameType Type, byte Flags, int Stream)
{
    public const int Bytes = 9;

    /// <summary>Longest frame that one may send to a peer that has not said otherwise.</summary>
    public const int MostPayload = 16_384;

    public const byte EndStream = 0x1;
    public const byte Ack = 0x1;
    public const byte EndHeaders = 0x4;
    public const byte Padded = 0x8;
    public const byte HasPriority = 0x20;

    public bool Has(byte flag) => (Flags & flag) != 0;

    /// <param name="from">Nine bytes at least.</param>
    public static FrameHeader Read(ReadOnlySpan<byte> from) =>
        new((from[0] << 16) | (from[1] << 8) | from[2], (FrameType)from[3], from[4], BinaryPrimitives.ReadInt32BigEndian(from[5..]) & int.MaxValue);

    public void Write(Span<byte> to)
    {
        to[0] = (byte)(Length >> 16);
        to[1] = (byte)(Length >> 8);
        to[2] = (byte)Length;
        to[3] = (byte)Type;
        to[4] = Flags;
        BinaryPrimitives.WriteInt32BigEndian(to[5..], Stream);
    }
}
