using System.Globalization;
using Gateway.Core.Scheduling.Resources;

namespace Gateway.Server.Metrics;

/// <summary>The resources that instances wait for, and how many do.</summary>
internal sealed class ResourceFamilies(RateLimiter limiter) : IMetricFamilies
{
    public void Write(PrometheusWriter writer)
    {
        const string Limit = "gateway_rate_limiter_resource_limit";
        IReadOnlyList<(ResourceKey Resource, int Limit, int InUse)> resources = limiter.Resources;
        writer.Family(Limit, "gauge", "How much there is of a resource, on a device or for all (global).");
        foreach ((ResourceKey resource, int limit, _) in resources) writer.Sample(Limit, limit, ("device", resource.DeviceText), ("resource", resource.Name));

        const string InUse = "gateway_rate_limiter_resource_in_use";
        writer.Family(InUse, "gauge", "How much of a resource batches have that run.");
        foreach ((ResourceKey resource, _, int inUse) in resources) writer.Sample(InUse, inUse, ("device", resource.DeviceText), ("resource", resource.Name));

        const string Waiting = "gateway_rate_limiter_waiting";
        writer.Family(Waiting, "gauge", "Instances of a model version that have requests and wait for resources.");
        foreach ((string model, long version, int waiting) in limiter.Models) writer.Sample(Waiting, waiting, ("model", model), ("version", version.ToString(CultureInfo.InvariantCulture)));
    }
}
