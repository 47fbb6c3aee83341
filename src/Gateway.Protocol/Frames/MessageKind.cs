namespace Gateway.Protocol.Frames;

/// <summary>What a message is.</summary>
public enum MessageKind
{
    /// <summary>A kind that this version of the protocol does not have.</summary>
    Unknown,
    Hello,
    Infer,
    Cancel,
    Metadata,
    Ready,
    Ping,
    Error,
    Goodbye,
}
