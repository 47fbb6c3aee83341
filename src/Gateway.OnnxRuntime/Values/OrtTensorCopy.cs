using Gateway.OnnxRuntime.Environments;
using Gateway.OnnxRuntime.Native;

namespace Gateway.OnnxRuntime.Values;

/// <summary>Copies tensors between memories, the same ones again and again: a batch's inputs to a device, its outputs back.</summary>
/// <remarks>
/// Behaviour: when <see cref="Run"/> returns, what was copied to the CPU is there; what was copied to a device is there for whatever the device does next.
/// Threading: one thread at a time, and not beside a run on a device whose provider is for one thread alone (WebGPU).
/// Ownership: the caller disposes it; it keeps the tensors, not the memory under them.
/// Cost: no managed allocation.
/// </remarks>
public sealed unsafe class OrtTensorCopy : IDisposable
{
    private readonly OrtHandle _environment;
    private readonly OrtValue[] _values;
    private readonly nint[] _sources;
    private readonly nint[] _destinations;

    /// <param name="pairs">Taken over: disposing this disposes them. Each pair has the same type and shape.</param>
    public OrtTensorCopy(OrtEnvironment environment, IReadOnlyList<(OrtValue Source, OrtValue Destination)> pairs)
    {
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentNullException.ThrowIfNull(pairs);
        _environment = environment.Handle;
        _values = [.. pairs.SelectMany(pair => new[] { pair.Source, pair.Destination })];
        _sources = [.. pairs.Select(pair => pair.Source.Handle.DangerousGetHandle())];
        _destinations = [.. pairs.Select(pair => pair.Destination.Handle.DangerousGetHandle())];
    }

    /// <exception cref="Errors.OrtException">No provider that is loaded copies between these memories, or the device failed.</exception>
    public void Run()
    {
        if (_sources.Length == 0) return;
        using OrtHandle.Lease environment = _environment.Use();
        fixed (nint* sources = _sources, destinations = _destinations)
        {
            OrtStatus.Check(OrtLibrary.Api->CopyTensors(environment.Native, sources, destinations, 0, (nuint)_sources.Length));
        }
    }

    public void Dispose()
    {
        foreach (OrtValue value in _values) value.Dispose();
    }
}
