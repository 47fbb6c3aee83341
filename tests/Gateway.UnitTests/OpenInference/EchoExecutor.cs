using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Protocol.Tensors;

namespace Gateway.UnitTests.OpenInference;

/// <summary>Gives the one input back as the one output, whatever its size: for strings and dimensions of any size.</summary>
internal sealed unsafe class EchoExecutor(ModelLayout layout, BlockPool pool) : IModelExecutor
{
    public BatchOutput Execute(Batch batch)
    {
        batch.RunStart = 1;
        long bytes = 0;
        foreach (BatchSlice slice in batch.Slices) bytes += slice.Request.Inputs[0].ByteLength;
        if (!pool.TryRent(bytes, BlockOwner.OutputSlab, out MemoryBlock? block)) throw new ExecutionException("no memory");
        Output output = new(block);
        int[] offsets = new int[batch.Rows + 1];
        int row = 0;
        int offset = 0;
        foreach (BatchSlice slice in batch.Slices)
        {
            ReadOnlySpan<byte> raw = slice.Request.Inputs[0].Bytes(slice.Request.Block);
            raw.CopyTo(block.Span[offset..]);
            for (int i = 0; i < slice.Rows; i++)
            {
                int length = layout.Inputs[0].DataType == DataType.Bytes ? RawStrings.Skip(raw, layout.Inputs[0].ClientDims[0]) : raw.Length / (slice.Rows - i);
                raw = raw[length..];
                offset += length;
                offsets[++row] = offset;
            }
        }

        output.RowOffsets[0] = offsets;
        output.Tensors[0] = new OutputTensor { DataType = layout.Outputs[0].DataType, Shape = batch.InputShape(0, isBatching: true), Address = block.Address, ByteLength = offset };
        batch.RunEnd = 2;
        return output;
    }

    public void Terminate()
    {
    }

    public void Dispose()
    {
    }

    private sealed class Output : BatchOutput
    {
        private readonly MemoryBlock _block;

        public Output(MemoryBlock block)
            : base(1)
        {
            _block = block;
            Lend();
        }

        protected override void OnReleased() => _block.Release();
    }
}
