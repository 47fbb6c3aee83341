using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.OnnxRuntime.Memory;
using Gateway.OnnxRuntime.Sessions;
using Gateway.OnnxRuntime.Values;
using Gateway.Protocol.Tensors;

namespace Gateway.OnnxRuntime.Backend;

/// <summary>Runs a model whose sizes requests choose, or that has strings, or outputs of unknown size: everything is bound anew for each batch.</summary>
/// <remarks>
/// <b>Behaviour</b>: outputs lie in ONNX Runtime's own memory, which a response keeps until it is encoded; strings are copied out of it.
/// <b>Threading</b>: one thread. <b>Cost</b>: some allocations a batch; one copy of each row in (none for a request that runs alone), none out (one for strings).
/// </remarks>
internal sealed unsafe class FreeShapeRunner(ModelLayout layout, OrtSession session, BlockPool pool) : IDisposable
{
    private readonly OrtIoBinding _binding = session.CreateBinding();

    public BatchOutput Execute(Batch batch, OrtRunOptions options, TimeProvider time)
    {
        List<OrtValue> inputs = new(layout.Inputs.Count);
        MemoryBlock? gathered = null;
        try
        {
            gathered = Gather(batch, inputs);
            for (int i = 0; i < inputs.Count; i++) _binding.BindInput(layout.Inputs[i].Name, inputs[i]);
            foreach (TensorSpec output in layout.Outputs) _binding.BindOutput(output.Name, OrtMemoryInfo.Cpu);
            batch.RunStart = time.GetTimestamp();
            session.Run(_binding, options);
            batch.RunEnd = time.GetTimestamp();
            return OwnedOutput.Take(layout, _binding.GetOutputs(), batch.PaddedRows, pool);
        }
        finally
        {
            _binding.ClearInputs();
            _binding.ClearOutputs();
            foreach (OrtValue input in inputs) input.Dispose();
            gathered?.Release();
        }
    }

    public void Dispose() => _binding.Dispose();

    private MemoryBlock? Gather(Batch batch, List<OrtValue> inputs)
    {
        bool isAlone = batch.Slices.Length == 1 && batch.Slices[0].Rows == batch.Slices[0].Request.Rows && batch.Rows == batch.PaddedRows;
        if (isAlone)
        {
            InferenceRequest request = batch.Slices[0].Request;
            for (int i = 0; i < layout.Inputs.Count; i++)
            {
                ref readonly InputTensor input = ref request.Inputs[i];
                inputs.Add(Tensor(batch, i, request.Block is { } own ? own.Address + input.Offset : null, input.ByteLength));
            }

            return null;
        }

        long bytes = 0;
        for (int i = 0; i < layout.Inputs.Count; i++) bytes = Aligned(bytes) + VariableRowGather.ByteLength(batch, i);
        if (!pool.TryRent(bytes, BlockOwner.InputSlab, out MemoryBlock? block)) throw new ExecutionException("there is no memory left for the batch");
        try
        {
            long offset = 0;
            for (int i = 0; i < layout.Inputs.Count; i++)
            {
                offset = Aligned(offset);
                int length = VariableRowGather.Into(batch, i, block.Span[(int)offset..]);
                inputs.Add(Tensor(batch, i, block.Address + offset, length));
                offset += length;
            }
        }
        catch
        {
            block.Release();
            throw;
        }

        return block;
    }

    private OrtValue Tensor(Batch batch, int input, byte* address, int length)
    {
        TensorSpec spec = layout.Inputs[input];
        TensorShape shape = batch.InputShape(input, layout.IsBatching);
        if (spec.IsReshaped) shape = layout.ForRows(spec.ModelDims, batch.PaddedRows);
        if (spec.DataType != DataType.Bytes) return OrtValue.OverMemory(OrtMemoryInfo.Cpu, (nint)address, (nuint)length, shape.Dims, spec.DataType);

        OrtValue strings = OrtValue.Allocate(OrtAllocator.Default, shape.Dims, DataType.Bytes);
        shape.TryCountElements(out long count);
        strings.FillStrings(new ReadOnlySpan<byte>(address, length), (int)count);
        return strings;
    }

    private static long Aligned(long offset) => (offset + SlabSet.Alignment - 1) / SlabSet.Alignment * SlabSet.Alignment;
}
