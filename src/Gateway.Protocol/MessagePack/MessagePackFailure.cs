namespace Gateway.Protocol.MessagePack;

/// <summary>Why a value could not be read.</summary>
public enum MessagePackFailure : byte
{
    None,

    /// <summary>The message ends before the value does, or holds fewer bytes than the value's announced length or count needs.</summary>
    Truncated,

    /// <summary>A value of another type is there.</summary>
    WrongType,

    /// <summary>The integer does not fit the type asked for.</summary>
    OutOfRange,

    /// <summary>The byte begins no value.</summary>
    Invalid,

    /// <summary>The string is not UTF-8.</summary>
    NotUtf8,

    /// <summary>The skipped value nests deeper than <see cref="MessagePackReader.MostSkippedLevels"/>.</summary>
    TooDeep,
}
