using Gateway.OnnxRuntime.Memory;
using Gateway.OnnxRuntime.Sessions;
using Gateway.OnnxRuntime.Values;
using Gateway.Protocol.Tensors;

namespace Gateway.OnnxRuntime.Backend.Compiled;

/// <summary>Runs a session on one set of inputs, as often as is asked for.</summary>
/// <remarks><b>Threading</b>: one thread. <b>Ownership</b>: the session is borrowed.</remarks>
internal sealed unsafe class Trial : IDisposable
{
    private readonly OrtSession _session;
    private readonly OrtIoBinding _binding;
    private readonly List<OrtValue> _inputs = [];

    public Trial(OrtSession session, IReadOnlyList<TrialTensor> inputs)
    {
        _session = session;
        _binding = session.CreateBinding();
        try
        {
            foreach (TrialTensor input in inputs)
            {
                OrtValue value = Copy(input);
                _inputs.Add(value);
                _binding.BindInput(input.Name, value);
            }

            foreach (OrtValueInfo output in session.Outputs) _binding.BindOutput(output.Name, OrtMemoryInfo.Cpu);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <exception cref="Errors.OrtException">It fails.</exception>
    public void Run() => _session.Run(_binding);

    /// <summary>What the last run answered, in the model's order.</summary>
    public IReadOnlyList<TrialTensor> ReadOutputs()
    {
        OrtValue[] outputs = _binding.GetOutputs();
        try
        {
            return [.. outputs.Select((output, at) => new TrialTensor(_session.Outputs[at].Name, output.ElementType, output.Shape.ToArray(), Read(output)))];
        }
        finally
        {
            foreach (OrtValue output in outputs) output.Dispose();
        }
    }

    public static IReadOnlyList<TrialTensor> Answer(OrtSession session, IReadOnlyList<TrialTensor> inputs)
    {
        using Trial trial = new(session, inputs);
        trial.Run();
        return trial.ReadOutputs();
    }

    public void Dispose()
    {
        _binding.Dispose();
        foreach (OrtValue input in _inputs) input.Dispose();
    }

    private static OrtValue Copy(TrialTensor tensor)
    {
        OrtValue value = OrtValue.Allocate(OrtAllocator.Default, tensor.Shape.ToArray(), tensor.DataType);
        if (tensor.DataType == DataType.Bytes) value.FillStrings(tensor.Raw.Span, (int)value.ElementCount);
        else tensor.Raw.Span.CopyTo(new Span<byte>((void*)value.Data, checked((int)value.ByteLength)));
        return value;
    }

    private static byte[] Read(OrtValue value)
    {
        if (value.ElementType != DataType.Bytes) return new ReadOnlySpan<byte>((void*)value.Data, checked((int)value.ByteLength)).ToArray();
        byte[] raw = new byte[value.GetStringsByteCount()];
        value.CopyStringsTo(raw);
        return raw;
    }
}
