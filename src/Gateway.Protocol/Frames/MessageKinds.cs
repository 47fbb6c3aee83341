namespace Gateway.Protocol.Frames;

/// <summary>Names of <see cref="MessageKind"/> on the wire.</summary>
public static class MessageKinds
{
    public static ReadOnlySpan<byte> WireName(this MessageKind kind) => kind switch
    {
        MessageKind.Hello => "hello"u8,
        MessageKind.Infer => "infer"u8,
        MessageKind.Cancel => "cancel"u8,
        MessageKind.Metadata => "metadata"u8,
        MessageKind.Ready => "ready"u8,
        MessageKind.Ping => "ping"u8,
        MessageKind.Error => "error"u8,
        MessageKind.Goodbye => "goodbye"u8,
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    public static MessageKind Parse(ReadOnlySpan<byte> name)
    {
        // The one that comes a million times a second first.
        if (name.SequenceEqual("infer"u8)) return MessageKind.Infer;
        if (name.SequenceEqual("error"u8)) return MessageKind.Error;
        if (name.SequenceEqual("cancel"u8)) return MessageKind.Cancel;
        if (name.SequenceEqual("ping"u8)) return MessageKind.Ping;
        if (name.SequenceEqual("hello"u8)) return MessageKind.Hello;
        if (name.SequenceEqual("metadata"u8)) return MessageKind.Metadata;
        if (name.SequenceEqual("ready"u8)) return MessageKind.Ready;
        return name.SequenceEqual("goodbye"u8) ? MessageKind.Goodbye : MessageKind.Unknown;
    }
}
