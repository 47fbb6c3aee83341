using System.Buffers;
using Gateway.Protocol.Frames;

namespace Gateway.Client.Calls;

/// <summary>The body of an answer in a buffer of the shared array pool.</summary>
/// <remarks><b>Ownership</b>: whoever is handed it gives the buffer back.</remarks>
internal readonly record struct Answer(MessageKind Kind, byte[]? Buffer, int Start, int Length)
{
    public ReadOnlySpan<byte> Body => Buffer.AsSpan(Start, Length);

    public void Return()
    {
        if (Buffer is not null) ArrayPool<byte>.Shared.Return(Buffer);
    }
}
