namespace Gateway.Core.Caching.Entries;

/// <summary>What an entry says of one output; its dimensions follow.</summary>
internal struct EntryOutput
{
    public int DataType;

    public int Rank;

    /// <summary>Where its bytes begin, from the entry's first byte.</summary>
    public int Offset;

    public int Bytes;
}
