using Gateway.Core.Execution.Devices;
using Gateway.OnnxRuntime.Cuda;
using Gateway.OnnxRuntime.Memory;
using Gateway.OnnxRuntime.Sessions;

namespace Gateway.OnnxRuntime.Backend.Devices;

/// <summary>What a session on a device works with: kinds of memory, and how the device is told what to do.</summary>
/// <param name="Memory">Where its kernels read and write.</param>
/// <param name="Pinned">CPU memory that it copies from and to without staging; null where there is no such kind.</param>
/// <param name="Orders">The gate, shared by all that run the session.</param>
/// <param name="Queues">The session's queues of work; null on a device without.</param>
internal sealed record DeviceTraits(OrtMemoryInfo Memory, OrtMemoryInfo? Pinned, DeviceOrders Orders, CudaQueues? Queues)
{
    /// <summary>
    /// All of WebGPU's: ONNX Runtime 1.30.0 records what all sessions do into one command encoder without a lock, and two sessions at once end the process. So
    /// one gate stands for everything that touches the device, in all models: loading, copies, runs, freeing.
    /// </summary>
    private static readonly DeviceTraits WebGpu = new(OrtMemoryInfo.WebGpu(), null, DeviceOrders.Immediate(), null);

    /// <summary>The gate to hold while a session of this device is loaded or disposed and while its memory is allocated or freed; null where none is needed.</summary>
    public StageGate? Gate => ReferenceEquals(this, WebGpu) ? Orders.Gate : null;

    /// <summary>For one session.</summary>
    /// <param name="isPipelined">Whether its batches go through slots of their own; else a run is done when it returns.</param>
    /// <exception cref="Errors.OrtException">The device is not there.</exception>
    public static DeviceTraits Of(ProviderChoice choice, bool isPipelined) => choice.IsWebGpu
        ? WebGpu
        : new DeviceTraits(OrtMemoryInfo.Cuda(choice.Gpu), OrtMemoryInfo.CudaPinned(choice.Gpu), DeviceOrders.Queued(), isPipelined ? new CudaQueues(choice.Gpu) : null);

    /// <summary>Disposes a session that was loaded with this.</summary>
    public void End(OrtSession session)
    {
        Guard(session.Dispose);
        Queues?.Dispose();
    }

    public void Guard(Action action)
    {
        Gate?.Enter();
        try
        {
            action();
        }
        finally
        {
            Gate?.Exit();
        }
    }

    public T Guard<T>(Func<T> action)
    {
        Gate?.Enter();
        try
        {
            return action();
        }
        finally
        {
            Gate?.Exit();
        }
    }
}
