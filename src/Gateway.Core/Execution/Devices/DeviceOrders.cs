namespace Gateway.Core.Execution.Devices;

/// <summary>How a device is told what to do: one batch at a time, through a gate.</summary>
/// <param name="Gate">Held while a batch is brought there, run and brought back, as far as the device is told so and not waited for.</param>
/// <param name="IsQueued">Whether it does what it is told later, in queues of its own, so that copies go on beside a run and no run waits for the thread that asked for it; else it has been done when it has been told.</param>
public sealed record DeviceOrders(StageGate Gate, bool IsQueued)
{
    /// <summary>
    /// Batches that are worth having under way at once: one for each stage that can go on beside another. On a device without queues a second batch only
    /// takes the gate from the first: over WebGPU on an H200 two made 7 to 38 % fewer rows a second than one (bench/results, gpu-webgpu).
    /// </summary>
    public int Lanes => IsQueued ? 3 : 1;

    public static DeviceOrders Queued() => new(new StageGate(), true);

    public static DeviceOrders Immediate() => new(new StageGate(), false);
}
