namespace Gateway.Core.Execution.Devices;

/// <summary>The gates of one device's three stages: what may go on beside what.</summary>
/// <param name="Upload">Rows to the device.</param>
/// <param name="Run">The model.</param>
/// <param name="Download">Outputs back.</param>
public sealed record DeviceStages(StageGate Upload, StageGate Run, StageGate Download)
{
    /// <summary>A device that copies in, runs and copies out at the same time: one batch in each stage.</summary>
    public static DeviceStages Concurrent() => new(new StageGate(), new StageGate(), new StageGate());

    /// <summary>A device that may be told one thing at a time. What it has been told it may still do by itself, beside what it is told next.</summary>
    public static DeviceStages Exclusive()
    {
        StageGate one = new();
        return new DeviceStages(one, one, one);
    }

    /// <summary>
    /// Batches that are worth having under way at once: one for each stage that can go on beside another. On a device that is told one thing at a time a second batch only
    /// takes the gate from the first: over WebGPU on an H200 two made 7 to 38 % fewer rows a second than one (bench/results, gpu-webgpu).
    /// </summary>
    public int Lanes => ReferenceEquals(Upload, Run) ? 1 : 3;
}
