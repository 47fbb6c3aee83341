using System.Globalization;
using Gateway.Core.Caching;
using Gateway.Core.Diagnostics;
using Gateway.Core.Models;
using Gateway.Core.Scheduling;

namespace Gateway.Server.Metrics;

/// <summary>One served model version's numbers, all taken at one moment.</summary>
internal sealed record ModelSample(string Name, string Version, ModelCounts Counts, int PendingRequests, long PendingBytes, TimeSpan LoadDuration, DynamicBatcher Batcher,
    IReadOnlyList<(string Group, LatencyModel Latency)> Latencies, CacheCounts? Cache, (long Bytes, long Entries, long DiskBytes) CacheUse)
{
    /// <summary>Those of every version that is served.</summary>
    public static IReadOnlyList<ModelSample> Take(IEnumerable<ModelStatus> index) =>
        [.. index.Where(status => status.Model is not null).Select(status => Take(status, status.Model!))];

    private static ModelSample Take(ModelStatus status, ServedModel model) =>
        new(status.Name, status.Version.ToString(CultureInfo.InvariantCulture), model.Batcher.Statistics.Snapshot(), model.Batcher.PendingRequests, model.Batcher.PendingBytes, status.LoadDuration, model.Batcher, model.Latencies,
            model.CacheCounts?.Snapshot(), ResponseCache.UsageOf(model) ?? default);
}
