using Gateway.Protocol.Frames;
using Gateway.Protocol.MessagePack;

namespace Gateway.Load.Carriers.Frames;

/// <summary>What a connection of frames begins with.</summary>
internal static class HelloFrame
{
    public static byte[] Write(string? token, int window)
    {
        byte[] body = new byte[128 + (3 * (token?.Length ?? 0))];
        MessagePackWriter writer = new(body);
        writer.WriteMapHeader(token is null ? 3 : 4);
        writer.WriteString("version"u8);
        writer.WriteInteger((long)Frame.Version);
        writer.WriteString("client"u8);
        writer.WriteString("gateway-load"u8);
        writer.WriteString("window"u8);
        writer.WriteInteger((long)window);
        if (token is not null)
        {
            writer.WriteString("token"u8);
            writer.WriteString(token);
        }

        return Message(new MessageHead(MessageKind.Hello, 0), body.AsSpan(0, writer.Position));
    }

    /// <summary>Asks for a model's description.</summary>
    public static byte[] Metadata(uint call, string model, string version)
    {
        byte[] body = new byte[64 + (3 * (model.Length + version.Length))];
        MessagePackWriter writer = new(body);
        writer.WriteMapHeader(version.Length > 0 ? 2 : 1);
        writer.WriteString("model_name"u8);
        writer.WriteString(model);
        if (version.Length > 0)
        {
            writer.WriteString("model_version"u8);
            writer.WriteString(version);
        }

        return Message(new MessageHead(MessageKind.Metadata, call), body.AsSpan(0, writer.Position));
    }

    /// <returns>Calls in flight that the server allows; <paramref name="otherwise"/> when it does not say.</returns>
    public static int ReadWindow(ReadOnlySpan<byte> body, int otherwise)
    {
        MessagePackReader reader = new(body);
        if (!reader.TryReadMapHeader(out int entries)) return otherwise;
        for (; entries > 0; entries--)
        {
            if (!reader.TryReadStringUnchecked(out ReadOnlySpan<byte> key)) return otherwise;
            if (key.SequenceEqual("window"u8)) return reader.TryReadInt32(out int window) ? Math.Max(1, window) : otherwise;
            if (!reader.TrySkip()) return otherwise;
        }

        return otherwise;
    }

    /// <summary>Reads the body of an error.</summary>
    public static void ReadError(ReadOnlySpan<byte> body, out ReadOnlySpan<byte> code, out ReadOnlySpan<byte> refusal, out ReadOnlySpan<byte> text, out long retryAfterMilliseconds)
    {
        code = default;
        refusal = default;
        text = default;
        retryAfterMilliseconds = -1;
        MessagePackReader reader = new(body);
        if (!reader.TryReadMapHeader(out int entries)) return;
        for (; entries > 0; entries--)
        {
            if (!reader.TryReadStringUnchecked(out ReadOnlySpan<byte> key)) return;
            bool isRead = key.SequenceEqual("code"u8) ? reader.TryReadStringUnchecked(out code)
                : key.SequenceEqual("refusal"u8) ? reader.TryReadStringUnchecked(out refusal)
                : key.SequenceEqual("error"u8) ? reader.TryReadStringUnchecked(out text)
                : key.SequenceEqual("retry_after_ms"u8) ? reader.TryReadInt64(out retryAfterMilliseconds)
                : reader.TrySkip();
            if (!isRead) return;
        }
    }

    public static byte[] Message(MessageHead head, ReadOnlySpan<byte> body)
    {
        byte[] frame = new byte[head.FrameBytes + body.Length];
        body.CopyTo(frame.AsSpan(head.WriteFrame(frame, body.Length)));
        return frame;
    }
}
