using System.Buffers;

namespace Gateway.Core.Memory;

/// <summary>The first bytes of a block as <see cref="Memory{T}"/>, for what does not take spans.</summary>
/// <remarks><b>Ownership</b>: the block stays its owner's, who must hold it as long as the memory is used.</remarks>
public sealed unsafe class BlockMemory(MemoryBlock block, int length) : MemoryManager<byte>
{
    public override Span<byte> GetSpan() => block.Span[..length];

    public override MemoryHandle Pin(int elementIndex = 0) => new(block.Address + elementIndex);

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
    }
}
