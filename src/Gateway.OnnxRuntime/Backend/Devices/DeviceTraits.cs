using Gateway.Core.Execution.Devices;
using Gateway.OnnxRuntime.Memory;

namespace Gateway.OnnxRuntime.Backend.Devices;

/// <summary>What a provider's device has: kinds of memory, and what may go on at once.</summary>
/// <param name="Memory">Where its kernels read and write.</param>
/// <param name="Pinned">CPU memory that it copies from and to without staging; null where there is no such kind.</param>
/// <param name="Stages">The gates of its stages.</param>
internal sealed record DeviceTraits(OrtMemoryInfo Memory, OrtMemoryInfo? Pinned, DeviceStages Stages)
{
    /// <summary>
    /// All of WebGPU's: ONNX Runtime 1.30.0 records what all sessions do into one command encoder without a lock, and two sessions at once end the process. So
    /// one gate stands for everything that touches the device, in all models: loading, copies, runs, freeing.
    /// </summary>
    private static readonly DeviceTraits WebGpu = new(OrtMemoryInfo.WebGpu(), null, DeviceStages.Exclusive());

    /// <summary>The gate to hold while a session of this device is loaded or disposed and while its memory is allocated or freed; null where none is needed.</summary>
    public StageGate? Gate => ReferenceEquals(Stages.Upload, Stages.Run) ? Stages.Run : null;

    public static DeviceTraits Of(ProviderChoice choice) => choice.IsWebGpu
        ? WebGpu
        : new DeviceTraits(OrtMemoryInfo.Cuda(choice.Gpu), OrtMemoryInfo.CudaPinned(choice.Gpu), DeviceStages.Concurrent());

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
