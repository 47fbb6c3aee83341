namespace Gateway.Core.Scheduling;

/// <summary>What a batch former may know of one instance.</summary>
/// <param name="IsIdle">Whether it could begin a batch now.</param>
/// <param name="StartedAt">When its present batch, or its wait for resources, began; 0 when idle.</param>
/// <param name="BatchRows">Rows of its present batch; 0 when it has none.</param>
/// <param name="IsLost">Whether it has no device at present, and nobody knows when it will.</param>
/// <param name="Latency">What its runs take, where instances differ in that; null where all are alike.</param>
/// <param name="Wait">Ticks for which it is expected to wait for resources before a batch; 0 where it needs none.</param>
/// <param name="ShapeClass">Of its present batch.</param>
public readonly record struct InstanceView(bool IsIdle, long StartedAt, int BatchRows, bool IsLost = false, LatencyModel? Latency = null, long Wait = 0, int ShapeClass = 0)
{
    public static InstanceView Idle(LatencyModel? latency = null, long wait = 0) => new(true, 0, 0, Latency: latency, Wait: wait);

    /// <summary>One that waits for its resources.</summary>
    public static InstanceView Waiting(long since, long wait, LatencyModel? latency = null) => new(false, since, 0, Latency: latency, Wait: wait);

    public static InstanceView Lost(LatencyModel? latency = null) => new(false, 0, 0, IsLost: true, latency);
}
