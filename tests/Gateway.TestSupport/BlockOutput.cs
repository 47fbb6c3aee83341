using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Requests;
using Gateway.Protocol.Tensors;

namespace Gateway.TestSupport;

/// <summary>Outputs of a batch in one block of a pool, which goes back with the last reader: a leaked lease is a leaked block.</summary>
public sealed unsafe class BlockOutput : BatchOutput
{
    private readonly MemoryBlock _block;

    private BlockOutput(MemoryBlock block, int outputs)
        : base(outputs)
    {
        _block = block;
        Lend();
    }

    /// <summary>Copies tensors into a block.</summary>
    /// <exception cref="ExecutionException">The pool has no room.</exception>
    public static BlockOutput Of(BlockPool pool, params ReadOnlySpan<Tensor> tensors)
    {
        int bytes = 0;
        foreach (Tensor tensor in tensors) bytes += tensor.Bytes.Length;
        if (!pool.TryRent(bytes, BlockOwner.OutputSlab, out MemoryBlock? block)) throw new ExecutionException("no memory");
        BlockOutput output = new(block, tensors.Length);
        int offset = 0;
        for (int i = 0; i < tensors.Length; i++)
        {
            Tensor tensor = tensors[i];
            tensor.Bytes.CopyTo(block.Span[offset..]);
            output.Tensors[i] = new OutputTensor
            {
                DataType = tensor.DataType,
                Shape = tensor.Shape,
                Address = block.Address + offset,
                ByteLength = tensor.Bytes.Length,
            };
            output.RowOffsets[i] = tensor.RowOffsets;
            offset += tensor.Bytes.Length;
        }

        return output;
    }

    protected override void OnReleased() => _block.Release();

    /// <summary>One output: all rows of the batch, the batch dimension first where the model has one.</summary>
    public sealed record Tensor(DataType DataType, TensorShape Shape, byte[] Bytes, int[]? RowOffsets = null);
}
