using Gateway.Protocol.MessagePack;

namespace Gateway.Protocol.Frames;

/// <summary>Finds out where in a frame its first tensor will lie, from its first bytes alone.</summary>
public static class FrameLayout
{
    /// <param name="start">The beginning of a message, after the length.</param>
    /// <returns>Where the bytes of the first tensor begin; 0 when that cannot be told.</returns>
    public static int FirstTensor(ReadOnlySpan<byte> start)
    {
        MessagePackReader reader = new(start);
        return MessageHead.TryRead(ref reader, out MessageHead head) && head.Kind == MessageKind.Infer ? FirstTensor(ref reader, start) : 0;
    }

    /// <summary>Likewise, of a request without a message around it.</summary>
    public static int FirstTensorOfRequest(ReadOnlySpan<byte> start)
    {
        MessagePackReader reader = new(start);
        return FirstTensor(ref reader, start);
    }

    private static int FirstTensor(ref MessagePackReader reader, ReadOnlySpan<byte> start)
    {
        if (!TryFind(ref reader, "inputs"u8) || !reader.TryReadArrayHeader(out int inputs) || inputs == 0 || !TryFind(ref reader, "data"u8)) return 0;

        // The bytes themselves have not arrived, so the header is all that can be read.
        return reader.PeekType() != MessagePackType.Binary ? 0 : reader.Position + start[reader.Position] switch
        {
            MessagePackFormat.Bin8 => 2,
            MessagePackFormat.Bin16 => 3,
            _ => 5,
        };
    }

    private static bool TryFind(ref MessagePackReader reader, ReadOnlySpan<byte> wanted)
    {
        if (!reader.TryReadMapHeader(out int entries)) return false;
        for (; entries > 0; entries--)
        {
            if (!reader.TryReadStringUnchecked(out ReadOnlySpan<byte> key)) return false;
            if (key.SequenceEqual(wanted)) return true;
            if (!reader.TrySkip()) return false;
        }

        return false;
    }
}
