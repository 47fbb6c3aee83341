namespace Gateway.Protocol.Protobuf;

/// <summary>How a field's value is written: the lowest three bits of its tag.</summary>
public enum WireType : byte
{
    Varint = 0,
    Fixed64 = 1,

    /// <summary>A length and that many bytes.</summary>
    Bytes = 2,
    StartGroup = 3,
    EndGroup = 4,
    Fixed32 = 5,
}
