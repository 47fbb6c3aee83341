namespace Gateway.Client.Messages;

/// <summary>A piece of a buffer, by its place.</summary>
internal readonly record struct Slice(int Start, int Length)
{
    public ReadOnlySpan<byte> Of(byte[] buffer) => buffer.AsSpan(Start, Length);
}
