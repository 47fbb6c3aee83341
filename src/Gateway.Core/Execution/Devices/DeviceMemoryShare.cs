namespace Gateway.Core.Execution.Devices;

/// <summary>Memory of a device that one model has taken.</summary>
/// <param name="most">What was left of the limit, this included; null where there is none.</param>
public sealed class DeviceMemoryShare(DeviceMemory memory, int device, string model, long version, long bytes, long? most) : IDisposable
{
    public int Device => device;

    public string Model => model;

    public long Version => version;

    public long Bytes => bytes;

    /// <summary>The most that the model may have there; null for as much as there is.</summary>
    public long? Most => most;

    /// <summary>Gives it back; again, does nothing.</summary>
    public void Dispose() => memory.GiveBack(this);
}
