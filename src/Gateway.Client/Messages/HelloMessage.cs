using Gateway.Protocol.Frames;
using Gateway.Protocol.MessagePack;

namespace Gateway.Client.Messages;

/// <summary>The first message of a connection, and the server's answer to it.</summary>
internal readonly record struct HelloMessage(int Window, long MaxFrameBytes)
{
    // Where a server names none: what a call table holds at least.
    private const int DefaultWindow = 64;

    /// <summary>A hello with its length before it.</summary>
    public static byte[] Frame(InferenceClientOptions options)
    {
        byte[] body = new byte[64 + (3 * (options.ClientName.Length + (options.AccessToken?.Length ?? 0) + (options.Tenant?.Length ?? 0)))];
        MessagePackWriter writer = new(body);
        writer.WriteMapHeader(2 + (options.AccessToken is null ? 0 : 1) + (options.Tenant is null ? 0 : 1) + (options.Window is null ? 0 : 1));
        writer.WriteString("version"u8);
        writer.WriteInteger((long)Protocol.Frames.Frame.Version);
        writer.WriteString("client"u8);
        writer.WriteString(options.ClientName);
        if (options.AccessToken is { } token)
        {
            writer.WriteString("token"u8);
            writer.WriteString(token);
        }

        if (options.Tenant is { } tenant)
        {
            writer.WriteString("tenant"u8);
            writer.WriteString(tenant);
        }

        if (options.Window is { } window)
        {
            writer.WriteString("window"u8);
            writer.WriteInteger((long)window);
        }

        MessageHead head = new(MessageKind.Hello, 0);
        byte[] frame = new byte[head.FrameBytes + writer.Position];
        int start = head.WriteFrame(frame, writer.Position);
        body.AsSpan(0, writer.Position).CopyTo(frame.AsSpan(start));
        return frame;
    }

    /// <summary>Reads the body of the server's answer.</summary>
    /// <exception cref="Protocol.InferenceException">It is malformed, or of a version that is not spoken here.</exception>
    public static HelloMessage Read(ReadOnlySpan<byte> body)
    {
        ulong version = 0;
        ulong window = DefaultWindow;
        ulong maxFrameBytes = long.MaxValue;
        MessagePackReader reader = new(body);
        if (!reader.TryReadMapHeader(out int entries)) throw AnswerReader.Malformed("its hello is no map");
        for (; entries > 0; entries--)
        {
            if (!reader.TryReadStringUnchecked(out ReadOnlySpan<byte> key)) throw AnswerReader.Malformed("its hello has no keys");
            bool isRead = key.SequenceEqual("version"u8) ? reader.TryReadUInt64(out version)
                : key.SequenceEqual("window"u8) ? reader.TryReadUInt64(out window)
                : key.SequenceEqual("max_frame_bytes"u8) ? reader.TryReadUInt64(out maxFrameBytes)
                : reader.TrySkip();
            if (!isRead) throw AnswerReader.Malformed("its hello has values that cannot be read");
        }

        if (version != Protocol.Frames.Frame.Version) throw AnswerReader.Malformed($"its hello speaks version {version}");
        if (window == 0) throw AnswerReader.Malformed("its hello allows no calls");
        return new HelloMessage((int)Math.Min(window, ushort.MaxValue), (long)Math.Min(maxFrameBytes, long.MaxValue));
    }
}
