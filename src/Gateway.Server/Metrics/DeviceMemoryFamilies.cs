using System.Globalization;
using Gateway.Core.Execution.Devices;

namespace Gateway.Server.Metrics;

/// <summary>What models take of the memory of devices, by estimate.</summary>
internal sealed class DeviceMemoryFamilies(DeviceMemory memory) : IMetricFamilies
{
    public void Write(PrometheusWriter writer)
    {
        const string Bytes = "gateway_model_device_memory_bytes";
        IReadOnlyList<(int Device, string Model, long Version, long Bytes)> usage = memory.Usage;
        writer.Family(Bytes, "gauge", "Memory of a device that a model version has taken: its files and the inputs and outputs of its batches, by estimate, or the arena that it asks for.");
        foreach ((int device, string model, long version, long bytes) in usage) writer.Sample(Bytes, bytes, ("device", Number(device)), ("model", model), ("version", Number(version)));

        const string Limit = "gateway_device_memory_limit_bytes";
        writer.Family(Limit, "gauge", "How much of a device's memory models may take together, of those that any is on.");
        foreach (int device in usage.Select(each => each.Device).Distinct())
        {
            if (memory.LimitOf(device) is { } limit) writer.Sample(Limit, limit, ("device", Number(device)));
        }
    }

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
}
