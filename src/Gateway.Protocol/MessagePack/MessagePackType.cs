namespace Gateway.Protocol.MessagePack;

/// <summary>What kind of value comes next, whichever of its encodings was chosen.</summary>
public enum MessagePackType : byte
{
    /// <summary>Nothing: the message has ended.</summary>
    None,
    Nil,
    Boolean,

    /// <summary>Of any width, signed or not: the encodings do not tell them apart.</summary>
    Integer,

    /// <summary>Of 32 or 64 bits.</summary>
    Float,
    String,
    Binary,
    Array,
    Map,

    /// <summary>An application's own type; also the timestamps of the specification, whose type is -1.</summary>
    Extension,

    /// <summary>The byte 0xc1, which begins no value.</summary>
    Invalid,
}
