namespace Gateway.Server.Metrics.Gpu;

/// <summary>Triton's GPU metrics: its names, help texts and label; nothing at all where there is no GPU.</summary>
internal static class GpuFamilies
{
    public static void Write(PrometheusWriter writer, IReadOnlyList<GpuSample> gpus)
    {
        if (gpus.Count == 0) return;
        Whole(writer, gpus, "nv_gpu_memory_total_bytes", "GPU total memory, in bytes", static gpu => gpu.MemoryTotalBytes);
        Whole(writer, gpus, "nv_gpu_memory_used_bytes", "GPU used memory, in bytes", static gpu => gpu.MemoryUsedBytes);
        Each(writer, gpus, "nv_gpu_utilization", "gauge", "GPU utilization rate [0.0 - 1.0)", static gpu => gpu.Utilization);
        Each(writer, gpus, "nv_gpu_power_usage", "gauge", "GPU power usage in watts", static gpu => gpu.PowerWatts);
        Each(writer, gpus, "nv_gpu_power_limit", "gauge", "GPU power management limit in watts", static gpu => gpu.PowerLimitWatts);
        Each(writer, gpus, "nv_energy_consumption", "counter", "GPU energy consumption in joules since the Triton Server started", static gpu => gpu.Joules);
    }

    private static void Whole(PrometheusWriter writer, IReadOnlyList<GpuSample> gpus, string name, string help, Func<GpuSample, ulong?> value)
    {
        writer.Family(name, "gauge", help);
        foreach (GpuSample gpu in gpus)
        {
            if (value(gpu) is { } bytes) writer.Sample(name, (long)bytes, ("gpu_uuid", gpu.Uuid));
        }
    }

    private static void Each(PrometheusWriter writer, IReadOnlyList<GpuSample> gpus, string name, string type, string help, Func<GpuSample, double?> value)
    {
        writer.Family(name, type, help);
        foreach (GpuSample gpu in gpus)
        {
            if (value(gpu) is { } number) writer.Sample(name, number, ("gpu_uuid", gpu.Uuid));
        }
    }
}
