namespace Gateway.Server.MessagePack;

/// <summary>A piece of a message, by its place: the message may move before it is needed.</summary>
internal readonly record struct Slice(int Start, int Length)
{
    public ReadOnlySpan<byte> Of(ReadOnlySpan<byte> message) => message.Slice(Start, Length);
}
