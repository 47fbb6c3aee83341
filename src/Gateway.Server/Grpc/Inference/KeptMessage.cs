using Gateway.Core.Memory;
using Gateway.Server.Grpc.Wire;
using Gateway.Server.Overflow;

namespace Gateway.Server.Grpc.Inference;

/// <summary>The message of a call that may be answered by another server: kept with its prefix, as it is sent, and so placed that its tensors can be run where they lie.</summary>
/// <remarks><b>Ownership</b>: holds its block until disposed.</remarks>
internal sealed class KeptMessage : IDisposable
{
    private readonly int _length;

    private KeptMessage(MemoryBlock block, int start, int length, OverflowRun run)
    {
        Block = block;
        Start = start;
        _length = length;
        Run = run;
    }

    public MemoryBlock Block { get; }

    /// <summary>Where in the block the message begins, behind its prefix.</summary>
    public int Start { get; }

    public OverflowRun Run { get; }

    public ReadOnlySpan<byte> Bytes => Block.Span.Slice(Start, _length);

    /// <summary>The message behind its prefix, as a call's whole body; valid until this is disposed.</summary>
    public ReadOnlyMemory<byte> Body => new BlockMemory(Block, Start + _length).Memory[(Start - MessagePrefix.Bytes)..];

    /// <returns>Null where there is no memory for it.</returns>
    public static KeptMessage? Copy(ReadOnlySpan<byte> message, BlockPool pool, OverflowRun run)
    {
        const int Alignment = MessagePack.InferMessage.TensorAlignment;
        int start = -InferPeek.FirstTensor(message) & (Alignment - 1);
        if (start < MessagePrefix.Bytes) start += Alignment;
        if (!pool.TryRent(start + (long)message.Length, BlockOwner.RequestTensors, out MemoryBlock? block)) return null;
        MessagePrefix.Write(block.Span[(start - MessagePrefix.Bytes)..], isCompressed: false, message.Length);
        message.CopyTo(block.Span[start..]);
        return new KeptMessage(block, start, message.Length, run);
    }

    public void Dispose() => Block.Release();
}
