namespace Gateway.Server.Metrics.Gpu;

/// <summary>What one GPU said when it was asked.</summary>
/// <param name="Uuid">Such as <c>GPU-xxxxxxxx-…</c>.</param>
/// <param name="Utilization">0 to 1.</param>
/// <param name="Joules">Used since this was first asked for.</param>
internal sealed record GpuSample(string Uuid, double? Utilization, ulong? MemoryTotalBytes, ulong? MemoryUsedBytes, double? PowerWatts, double? PowerLimitWatts, double? Joules);
