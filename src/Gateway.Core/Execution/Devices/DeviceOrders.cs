namespace Gateway.Core.Execution.Devices;

/// <summary>How a device is told what to do: of one batch at a time, all its stages one after the other.</summary>
/// <remarks><b>Threading</b>: any number of callers. <b>Ownership</b>: the caller disposes it when no batch is under way.</remarks>
public abstract class DeviceOrders : IDisposable
{
    /// <summary>Whether the device does what it is told later, in queues of its own, so that copies go on beside a run and no run waits for whoever asked for it; else it has been done when it has been told.</summary>
    public abstract bool IsQueued { get; }

    /// <summary>
    /// Batches that are worth having under way at once: one for each stage that can go on beside another. On a device without queues a second batch only
    /// takes the gate from the first: over WebGPU on an H200 two made 7 to 38 % fewer rows a second than one (bench/results, gpu-webgpu).
    /// </summary>
    public int Lanes => LanesWhere(IsQueued);

    /// <inheritdoc cref="Lanes"/>
    public static int LanesWhere(bool isQueued) => isQueued ? 3 : 1;

    /// <summary>Tells the device to bring a batch there, run it and bring its outputs back.</summary>
    /// <exception cref="ExecutionException">A stage failed.</exception>
    public abstract void Give(DeviceSlot slot, int rows, TimeProvider time);

    public virtual void Dispose() => GC.SuppressFinalize(this);
}
