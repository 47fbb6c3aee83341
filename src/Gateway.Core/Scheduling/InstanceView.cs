namespace Gateway.Core.Scheduling;

/// <summary>What a batch former may know of one instance.</summary>
/// <param name="IsIdle">Whether it could begin a batch now.</param>
/// <param name="StartedAt">When its present batch began; 0 when idle.</param>
/// <param name="BatchRows">Rows of its present batch; 0 when idle.</param>
/// <param name="IsLost">Whether it has no device at present, and nobody knows when it will.</param>
/// <param name="Latency">What its runs take, where instances differ in that; null where all are alike.</param>
public readonly record struct InstanceView(bool IsIdle, long StartedAt, int BatchRows, bool IsLost = false, LatencyModel? Latency = null)
{
    public static InstanceView Idle(LatencyModel? latency = null) => new(true, 0, 0, Latency: latency);

    public static InstanceView Lost(LatencyModel? latency = null) => new(false, 0, 0, IsLost: true, latency);
}
