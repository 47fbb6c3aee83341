using System.Runtime.InteropServices;
using Gateway.OnnxRuntime.Environments;
using Gateway.OnnxRuntime.Memory;
using Gateway.OnnxRuntime.Sessions;
using Gateway.OnnxRuntime.Values;
using Gateway.Protocol.Tensors;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gateway.Harness.Models;

/// <summary>A model with nothing around it: one session of one thread, its batch bound once, run again and again.</summary>
/// <remarks>
/// What the engine is measured against, with the engine's own session settings. Inputs hold random numbers, for zeros can be faster.
/// <b>Threading</b>: one thread. <b>Ownership</b>: the caller disposes it.
/// </remarks>
internal sealed unsafe class BoundModel : IDisposable
{
    private readonly OrtEnvironment _environment = OrtEnvironment.Open(NullLogger.Instance);
    private readonly OrtSession _session;
    private readonly OrtIoBinding _binding;
    private readonly List<nint> _memory = [];

    public BoundModel(string file, int rows)
    {
        using OrtSessionOptions options = new();
        options.GraphOptimization(OrtGraphOptimization.All).IntraOpThreads(1).Spinning(false);
        _session = OrtSession.Load(_environment, file, options);
        _binding = _session.CreateBinding();
        foreach (OrtValueInfo input in _session.Inputs)
        {
            using OrtValue value = Allocate(input, rows);
            Fill(value);
            _binding.BindInput(input.Name, value);
        }

        foreach (OrtValueInfo output in _session.Outputs)
        {
            using OrtValue value = Allocate(output, rows);
            _binding.BindOutput(output.Name, value);
        }
    }

    public void Run() => _session.Run(_binding);

    public void Dispose()
    {
        _binding.Dispose();
        _session.Dispose();
        _environment.Dispose();
        foreach (nint memory in _memory) NativeMemory.AlignedFree((void*)memory);
    }

    private OrtValue Allocate(OrtValueInfo info, int rows)
    {
        long[] shape = [.. info.Dimensions!.Select(dimension => dimension.IsDynamic ? rows : dimension.Size)];
        nuint bytes = (nuint)(shape.Aggregate(1L, (product, size) => product * size) * info.ElementType.Size());

        // A page, as the engine's slabs have it.
        nint memory = (nint)NativeMemory.AlignedAlloc(bytes, (nuint)Environment.SystemPageSize);
        _memory.Add(memory);
        return OrtValue.OverMemory(OrtMemoryInfo.Cpu, memory, bytes, shape, info.ElementType);
    }

    private static void Fill(OrtValue value)
    {
        Random random = new(0);
        Span<float> numbers = new((void*)value.Data, (int)value.ElementCount);
        foreach (ref float number in numbers) number = random.NextSingle();
    }
}
