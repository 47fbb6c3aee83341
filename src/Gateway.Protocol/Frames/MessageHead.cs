using Gateway.Protocol.MessagePack;

namespace Gateway.Protocol.Frames;

/// <summary>What stands before the body of a message.</summary>
public readonly record struct MessageHead(MessageKind Kind, uint Call)
{
    /// <summary>Reads the head; the body follows.</summary>
    /// <returns>False when the message is none, or its call cannot be told.</returns>
    public static bool TryRead(ref MessagePackReader reader, out MessageHead head)
    {
        head = default;
        if (!reader.TryReadArrayHeader(out int parts) || parts != Frame.Parts) return false;
        if (!reader.TryReadStringUnchecked(out ReadOnlySpan<byte> name)) return false;
        if (!reader.TryReadUInt64(out ulong call) || call > uint.MaxValue) return false;
        head = new MessageHead(MessageKinds.Parse(name), (uint)call);
        return true;
    }

    /// <summary>Bytes of the length and the head of a frame.</summary>
    public int FrameBytes
    {
        get
        {
            int name = Kind.WireName().Length;
            return Frame.LengthBytes + MessagePackWriter.ArrayHeaderSize(Frame.Parts) + MessagePackWriter.StringHeaderSize(name) + name + MessagePackWriter.IntegerSize((ulong)Call);
        }
    }

    /// <summary>Writes the length and the head of a frame.</summary>
    /// <param name="to">At least <see cref="FrameBytes"/>.</param>
    /// <param name="bodyBytes">Bytes of the body, which the caller writes next.</param>
    /// <returns>Bytes written.</returns>
    public int WriteFrame(Span<byte> to, int bodyBytes)
    {
        int bytes = FrameBytes;
        Frame.WriteLength(to, bytes - Frame.LengthBytes + bodyBytes);
        MessagePackWriter writer = new(to[Frame.LengthBytes..]);
        writer.WriteArrayHeader(Frame.Parts);
        writer.WriteString(Kind.WireName());
        writer.WriteInteger((ulong)Call);
        return bytes;
    }
}
