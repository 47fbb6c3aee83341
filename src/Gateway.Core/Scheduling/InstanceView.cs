namespace Gateway.Core.Scheduling;

/// <summary>What a batch former may know of one instance.</summary>
/// <param name="IsIdle">Whether it could begin a batch now.</param>
/// <param name="StartedAt">When its present batch began; 0 when idle.</param>
/// <param name="BatchRows">Rows of its present batch; 0 when idle.</param>
/// <param name="IsLost">Whether it has no device at present, and nobody knows when it will.</param>
public readonly record struct InstanceView(bool IsIdle, long StartedAt, int BatchRows, bool IsLost = false)
{
    public static InstanceView Idle => new(true, 0, 0);

    public static InstanceView Lost => new(false, 0, 0, IsLost: true);
}
