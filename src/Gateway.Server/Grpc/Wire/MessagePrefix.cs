using System.Buffers;
using System.Buffers.Binary;

namespace Gateway.Server.Grpc.Wire;

/// <summary>The five bytes before every message: whether it is compressed, and its length.</summary>
internal static class MessagePrefix
{
    public const int Bytes = 5;

    /// <returns>False when it has not arrived yet.</returns>
    public static bool TryRead(in ReadOnlySequence<byte> buffer, out byte flag, out uint length)
    {
        flag = 0;
        length = 0;
        if (buffer.Length < Bytes) return false;
        Span<byte> prefix = stackalloc byte[Bytes];
        buffer.Slice(0, Bytes).CopyTo(prefix);
        flag = prefix[0];
        length = BinaryPrimitives.ReadUInt32BigEndian(prefix[1..]);
        return true;
    }

    /// <summary>Whether a body is one message, with its prefix, and whole.</summary>
    public static bool IsOfOneMessage(ReadOnlySpan<byte> body) => body.Length >= Bytes && BinaryPrimitives.ReadUInt32BigEndian(body[1..]) == body.Length - Bytes;

    public static void Write(IBufferWriter<byte> to, bool isCompressed, long length)
    {
        Write(to.GetSpan(Bytes), isCompressed, length);
        to.Advance(Bytes);
    }

    public static void Write(Span<byte> to, bool isCompressed, long length)
    {
        to[0] = isCompressed ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteUInt32BigEndian(to[1..], (uint)length);
    }
}
