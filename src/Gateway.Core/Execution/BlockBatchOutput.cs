using Gateway.Core.Memory;
using Gateway.Core.Requests;
using Gateway.Protocol.Tensors;

namespace Gateway.Core.Execution;

/// <summary>Outputs of a batch that lie in one block of the pool, which goes back with the last reader.</summary>
public sealed unsafe class BlockBatchOutput : BatchOutput
{
    private readonly MemoryBlock _block;

    /// <param name="block">Taken over: released with the output, which is lent to the caller from now on.</param>
    public BlockBatchOutput(MemoryBlock block, int outputs)
        : base(outputs)
    {
        _block = block;
        Lend();
    }

    /// <summary>Says where one output lies.</summary>
    /// <param name="offset">Where it begins in the block.</param>
    /// <param name="rowOffsets">See <see cref="BatchOutput.RowOffsets"/>.</param>
    public void Place(int index, DataType type, in TensorShape shape, int offset, int byteLength, int[]? rowOffsets = null)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)offset, (uint)_block.Capacity, nameof(offset));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)byteLength, (uint)(_block.Capacity - offset), nameof(byteLength));
        Tensors[index] = new OutputTensor { DataType = type, Shape = shape, Address = _block.Address + offset, ByteLength = byteLength };
        RowOffsets[index] = rowOffsets;
    }

    protected override void OnReleased() => _block.Release();
}
