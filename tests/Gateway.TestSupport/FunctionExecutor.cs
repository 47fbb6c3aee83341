using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Protocol.Tensors;

namespace Gateway.TestSupport;

/// <summary>An executor whose model is a function: it gathers a batch's rows, calls the function, and leases what that wrote.</summary>
/// <remarks>The outputs have the shapes of the layout, whose dimensions must all be fixed; strings are not supported.</remarks>
public sealed class FunctionExecutor(ModelLayout layout, BlockPool pool, TimeProvider time, FunctionExecutor.Function function) : IModelExecutor
{
    /// <summary>Computes outputs from inputs, each holding all rows of the batch one after the other. May throw, wait, or look at the batch.</summary>
    public delegate void Function(Batch batch, byte[][] inputs, byte[][] outputs);

    /// <summary>Set by <see cref="Terminate"/>.</summary>
    public CancellationTokenSource Terminated { get; } = new();

    public bool IsDisposed { get; private set; }

    public bool CanRunAnywhere { get; init; }

    public BatchOutput Execute(Batch batch)
    {
        byte[][] inputs = [.. layout.Inputs.Select((_, i) => Gather(batch, i))];
        byte[][] outputs = [.. layout.Outputs.Select(spec => new byte[spec.RowBytes * batch.PaddedRows])];
        batch.RunStart = time.GetTimestamp();
        function(batch, inputs, outputs);
        batch.RunEnd = time.GetTimestamp();
        return BlockOutput.Of(pool, [.. outputs.Select((bytes, i) => new BlockOutput.Tensor(layout.Outputs[i].DataType, ShapeOf(layout.Outputs[i], batch), bytes))]);
    }

    public void Terminate() => Terminated.Cancel();

    public void Dispose()
    {
        IsDisposed = true;
        Terminated.Dispose();
    }

    internal static byte[] Gather(Batch batch, int input)
    {
        using MemoryStream gathered = new();
        foreach (BatchSlice slice in batch.Slices)
        {
            InputTensor tensor = slice.Request.Inputs[input];
            int rowBytes = tensor.ByteLength / slice.Request.Rows;
            gathered.Write(tensor.Bytes(slice.Request.Block).Slice(slice.FirstRow * rowBytes, slice.Rows * rowBytes));
        }

        return gathered.ToArray();
    }

    private TensorShape ShapeOf(TensorSpec spec, Batch batch)
    {
        ReadOnlySpan<long> dims = spec.ClientDims.Dims;
        return layout.IsBatching ? new TensorShape([batch.PaddedRows, .. dims]) : new TensorShape(dims);
    }
}
