using Gateway.OnnxRuntime.Memory;
using Gateway.OnnxRuntime.Native;
using Gateway.OnnxRuntime.Values;

namespace Gateway.OnnxRuntime.Sessions;

/// <summary>Which tensors a run reads and where its outputs go.</summary>
/// <remarks>
/// Behaviour: what is bound stays bound from run to run; binding a name again replaces what it had.
/// Threading: one thread at a time, and not while a run uses it.
/// Ownership: the caller disposes it; a bound tensor may be disposed before, the memory under it may not be freed.
/// Cost: binding a tensor and clearing make no managed allocation, and neither does a run.
/// </remarks>
public sealed unsafe class OrtIoBinding : IDisposable
{
    private readonly List<(string Name, OrtMemoryInfo Memory)> _allocatedOutputs = [];

    internal OrtIoBinding(OrtSession session)
    {
        Session = session;
        using OrtHandle.Lease owner = session.Handle.Use();
        nint native;
        OrtStatus.Check(OrtLibrary.Api->CreateIoBinding(owner.Native, &native));
        Handle = new OrtHandle(native, OrtLibrary.Api->ReleaseIoBinding, session.Handle);
    }

    internal OrtSession Session { get; }

    internal OrtHandle Handle { get; }

    /// <summary>Binds an input or an overridable initializer.</summary>
    /// <exception cref="Errors.OrtException">The model has no such input, or the tensor cannot be brought to its device.</exception>
    public void BindInput(string name, OrtValue value) => Bind(OrtLibrary.Api->BindInput, name, value);

    /// <summary>Binds an output to a tensor, which must have exactly the shape that the run gives it.</summary>
    /// <exception cref="Errors.OrtException">The model has no such output.</exception>
    public void BindOutput(string name, OrtValue value)
    {
        Bind(OrtLibrary.Api->BindOutput, name, value);
        RemoveAllocatedOutput(name);
    }

    /// <summary>Binds an output whose shape is not known, to be allocated by each run in memory of that kind; see <see cref="GetOutputs"/>.</summary>
    /// <param name="name">The output's name.</param>
    /// <param name="memory">Has to stay undisposed while it is bound.</param>
    /// <exception cref="Errors.OrtException">The model has no such output.</exception>
    public void BindOutput(string name, OrtMemoryInfo memory)
    {
        ArgumentNullException.ThrowIfNull(memory);
        BindToMemory(name, memory);
        RemoveAllocatedOutput(name);
        _allocatedOutputs.Add((name, memory));
    }

    /// <summary>The outputs after a run, those allocated by it among them, in the order they were bound.</summary>
    /// <returns>Each for the caller to dispose. They stay valid after later runs.</returns>
    public OrtValue[] GetOutputs()
    {
        using OrtHandle.Lease binding = Handle.Use();
        nint* natives;
        nuint count;
        OrtStatus.Check(OrtLibrary.Api->GetBoundOutputValues(binding.Native, OrtAllocator.Default.Native, &natives, &count));
        if (count == 0) return [];

        var outputs = new OrtValue[count];
        int taken = 0;
        try
        {
            while (taken < outputs.Length)
            {
                outputs[taken] = OrtValue.Take(natives[taken++], Session.Handle);
            }
        }
        catch
        {
            foreach (OrtValue? output in outputs) output?.Dispose();
            for (int i = taken; i < outputs.Length; i++) OrtLibrary.Api->ReleaseValue(natives[i]);
            throw;
        }
        finally
        {
            OrtStatus.Check(OrtLibrary.Api->AllocatorFree(OrtAllocator.Default.Native, (nint)natives));
        }

        return outputs;
    }

    /// <summary>Waits until inputs that are still being copied to a device are there.</summary>
    public void SynchronizeInputs()
    {
        using OrtHandle.Lease binding = Handle.Use();
        OrtStatus.Check(OrtLibrary.Api->SynchronizeBoundInputs(binding.Native));
    }

    /// <summary>Waits until outputs that are still being computed or copied on a device are there.</summary>
    public void SynchronizeOutputs()
    {
        using OrtHandle.Lease binding = Handle.Use();
        OrtStatus.Check(OrtLibrary.Api->SynchronizeBoundOutputs(binding.Native));
    }

    public void ClearInputs()
    {
        using OrtHandle.Lease binding = Handle.Use();
        OrtLibrary.Api->ClearBoundInputs(binding.Native);
    }

    public void ClearOutputs()
    {
        using OrtHandle.Lease binding = Handle.Use();
        OrtLibrary.Api->ClearBoundOutputs(binding.Native);
        _allocatedOutputs.Clear();
    }

    public void Dispose() => Handle.Dispose();

    /// <summary>Makes the next run allocate afresh the outputs that it is to allocate.</summary>
    /// <remarks>ONNX Runtime itself would have the next run write where the last one did, and fail when the shape is another.</remarks>
    internal void ForgetAllocatedOutputs()
    {
        foreach ((string name, OrtMemoryInfo memory) in _allocatedOutputs) BindToMemory(name, memory);
    }

    private void Bind(delegate* unmanaged<nint, byte*, nint, nint> bind, string name, OrtValue value)
    {
        ArgumentNullException.ThrowIfNull(value);

        // The binding keeps the tensor, and through its session the allocator that will free it: another session's could be gone by then.
        if (value.AllocatorSession is { } owner && owner != Session.Handle)
        {
            throw new ArgumentException("The tensor was allocated by another session.", nameof(value));
        }

        using var text = new NativeText(name, stackalloc byte[NativeText.StackBytes]);
        using OrtHandle.Lease binding = Handle.Use();
        using OrtHandle.Lease tensor = value.Handle.Use();
        OrtStatus.Check(bind(binding.Native, text.Pointer, tensor.Native));
    }

    private void BindToMemory(string name, OrtMemoryInfo memory)
    {
        using var text = new NativeText(name, stackalloc byte[NativeText.StackBytes]);
        using OrtHandle.Lease binding = Handle.Use();
        using OrtHandle.Lease memoryInfo = memory.Handle.Use();
        OrtStatus.Check(OrtLibrary.Api->BindOutputToDevice(binding.Native, text.Pointer, memoryInfo.Native));
    }

    private void RemoveAllocatedOutput(string name)
    {
        for (int i = _allocatedOutputs.Count - 1; i >= 0; i--)
        {
            if (_allocatedOutputs[i].Name == name) _allocatedOutputs.RemoveAt(i);
        }
    }
}
