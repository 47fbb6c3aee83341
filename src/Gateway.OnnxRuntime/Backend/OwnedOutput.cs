using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.OnnxRuntime.Values;
using Gateway.Protocol.Tensors;

namespace Gateway.OnnxRuntime.Backend;

/// <summary>Outputs of one batch in memory that ONNX Runtime allocated, freed when the last reader lets go.</summary>
internal sealed unsafe class OwnedOutput : BatchOutput
{
    private readonly OrtValue[] _values;
    private readonly MemoryBlock?[] _strings;

    private OwnedOutput(OrtValue[] values)
        : base(values.Length)
    {
        _values = values;
        _strings = new MemoryBlock?[values.Length];
        Lend();
    }

    /// <param name="values">Taken over, whatever happens.</param>
    /// <param name="rows">Rows that the batch was run with.</param>
    public static OwnedOutput Take(ModelLayout layout, OrtValue[] values, int rows, BlockPool pool)
    {
        OwnedOutput output = new(values);
        try
        {
            for (int i = 0; i < values.Length; i++) output.Describe(i, layout, rows, pool);
            return output;
        }
        catch
        {
            output.Release();
            throw;
        }
    }

    protected override void OnReleased()
    {
        foreach (OrtValue value in _values) value.Dispose();
        foreach (MemoryBlock? block in _strings) block?.Release();
    }

    private void Describe(int index, ModelLayout layout, int rows, BlockPool pool)
    {
        OrtValue value = _values[index];
        TensorSpec spec = layout.Outputs[index];
        if (value.Shape.Length > TensorShape.MaxRank)
        {
            throw new ExecutionException($"output '{spec.Name}' has {value.Shape.Length} dimensions; at most {TensorShape.MaxRank} can be served");
        }

        TensorShape shape = new(value.Shape);
        if (layout.IsBatching && (shape.Rank == 0 || shape[0] != rows))
        {
            throw new ExecutionException($"output '{spec.Name}' has shape {shape} for a batch of {rows} rows: its first dimension is not the batch");
        }

        if (spec.IsReshaped) shape = layout.IsBatching ? new TensorShape([rows, .. spec.ClientDims.Dims]) : spec.ClientDims;
        ref OutputTensor tensor = ref Tensors[index];
        tensor.DataType = spec.DataType;
        tensor.Shape = shape;
        if (spec.DataType == DataType.Bytes)
        {
            CopyStrings(index, value, layout.IsBatching ? rows : 1, pool);
            return;
        }

        if (!value.IsOnCpu) throw new ExecutionException($"output '{spec.Name}' was left in device memory");
        if (value.ByteLength > int.MaxValue) throw new ExecutionException($"output '{spec.Name}' has {value.ByteLength} bytes; at most {int.MaxValue} can be served");
        tensor.Address = (byte*)value.Data;
        tensor.ByteLength = (int)value.ByteLength;
    }

    private void CopyStrings(int index, OrtValue value, int rows, BlockPool pool)
    {
        long bytes = value.GetStringsByteCount();
        if (!pool.TryRent(bytes, BlockOwner.ResponseTensors, out MemoryBlock? block)) throw new ExecutionException("there is no memory left for the outputs");
        _strings[index] = block;
        Span<byte> raw = block.Span[..(int)bytes];
        value.CopyStringsTo(raw);
        ref OutputTensor tensor = ref Tensors[index];
        tensor.Address = block.Address;
        tensor.ByteLength = (int)bytes;

        int[] offsets = new int[rows + 1];
        long rowElements = rows == 0 ? 0 : value.ElementCount / rows;
        for (int row = 0; row < rows; row++) offsets[row + 1] = offsets[row] + RawStrings.Skip(raw[offsets[row]..], rowElements);
        RowOffsets[index] = offsets;
    }
}
