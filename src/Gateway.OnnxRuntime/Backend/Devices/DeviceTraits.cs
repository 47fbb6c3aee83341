using Gateway.Core.Execution;
using Gateway.Core.Execution.Devices;
using Gateway.OnnxRuntime.Cuda;
using Gateway.OnnxRuntime.Errors;
using Gateway.OnnxRuntime.Memory;
using Gateway.OnnxRuntime.Sessions;

namespace Gateway.OnnxRuntime.Backend.Devices;

/// <summary>What a session on a device works with: kinds of memory, and how the device is told what to do.</summary>
/// <remarks><b>Ownership</b>: one a session; the caller disposes it after the session.</remarks>
/// <param name="Memory">Where its kernels read and write.</param>
/// <param name="Pinned">CPU memory that it copies from and to without staging; null where there is no such kind.</param>
/// <param name="Orders">Shared by all that run the session.</param>
/// <param name="Gate">To hold while a session of this device is loaded or disposed and while its memory is allocated or freed; null where none is needed.</param>
/// <param name="Cuda">Queues of work on a CUDA device; null for another.</param>
/// <param name="IsPipelined">Whether its batches go through slots of their own; else a run is done when it returns.</param>
/// <param name="RecordsGraphs">Whether the device's work is recorded, once for each slot and batch size, and replayed.</param>
internal sealed record DeviceTraits(OrtMemoryInfo Memory, OrtMemoryInfo? Pinned, DeviceOrders Orders, StageGate? Gate, CudaQueues? Cuda, bool IsPipelined, bool RecordsGraphs) : IDisposable
{
    /// <summary>
    /// For all of WebGPU: ONNX Runtime 1.30.0 records what all sessions do into one command encoder without a lock, and two sessions at once end the process. So
    /// one gate stands for everything that touches the device, in all models: loading, copies, runs, freeing.
    /// </summary>
    private static readonly StageGate WebGpuGate = new();

    private int _slots;

    /// <summary>What the session's work is put on; null for a session with queues of its own, whose runs are waited for.</summary>
    public CudaQueues? Queues => IsPipelined ? Cuda : null;

    /// <summary>Numbers the session's slots, those of all its instances: a graph that was recorded is found by its slot's number and its batch's size.</summary>
    public int NumberSlot() => Interlocked.Increment(ref _slots) - 1;

    /// <exception cref="ModelLoadException">The device is not there; the message says what is missing.</exception>
    public static DeviceTraits Of(ProviderChoice choice, bool isPipelined, bool recordsGraphs)
    {
        try
        {
            return Make(choice, isPipelined, recordsGraphs);
        }
        catch (OrtException error)
        {
            throw new ModelLoadException(OrtProviderAdvice.WhyNot(choice.Providers[0].Name, error.Message), error);
        }
    }

    private static DeviceTraits Make(ProviderChoice choice, bool isPipelined, bool recordsGraphs)
    {
        if (choice.IsWebGpu) return new DeviceTraits(OrtMemoryInfo.WebGpu(), null, new GatedOrders(WebGpuGate), WebGpuGate, null, isPipelined, recordsGraphs);
        CudaQueues cuda = new(choice.Gpu);
        return new DeviceTraits(OrtMemoryInfo.Cuda(choice.Gpu), OrtMemoryInfo.CudaPinned(choice.Gpu), new ThreadedOrders(), null, cuda, isPipelined, recordsGraphs);
    }

    /// <summary>Makes the calling thread ready to do something with the device, and waits for its turn where there is one.</summary>
    public void Enter()
    {
        Gate?.Enter();
        Cuda?.Use();
    }

    public void Exit() => Gate?.Exit();

    public void Dispose()
    {
        Orders.Dispose();
        Cuda?.Dispose();
        Memory.Dispose();
        Pinned?.Dispose();
    }
}
