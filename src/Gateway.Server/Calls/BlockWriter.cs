using System.Buffers;
using Gateway.Core.Memory;

namespace Gateway.Server.Calls;

/// <summary>Writes into a block, from its beginning.</summary>
internal sealed class BlockWriter : IBufferWriter<byte>
{
    private MemoryBlock? _block;

    public int Written { get; private set; }

    public void Begin(MemoryBlock block)
    {
        _block = block;
        Written = 0;
    }

    public void Advance(int count) => Written += count;

    public Span<byte> GetSpan(int sizeHint = 0) => _block!.Span[Written..];

    public Memory<byte> GetMemory(int sizeHint = 0) => throw new NotSupportedException("A block is native memory.");
}
