using System.Globalization;
using Gateway.Server.Metrics;

namespace Gateway.Server.Remote;

/// <summary>What became of batches that went to other servers, and whether these are asked at all.</summary>
internal sealed class RemoteFamilies(RemoteBackend backend) : IMetricFamilies
{
    private static readonly string[] Kinds =
    [
        "connect", "broken", "timed_out", "truncated", "garbage", "too_large", "bad_gateway", "refused", "batch_too_large", "invalid", "failed", "not_asked", "overdue",
    ];

    public void Write(PrometheusWriter writer)
    {
        ((string Model, string Version) Labels, RemoteCounts Counts)[] models =
            [.. backend.Counts.Select(each => ((each.Key.Model, each.Key.Version.ToString(CultureInfo.InvariantCulture)), each.Counts))];
        if (models.Length == 0) return;
        Each(writer, models, "gateway_remote_batches_total", "counter", "Batches that the server that runs a model has answered.", static counts => counts.Answered);
        WriteFailures(writer, models);
        Each(writer, models, "gateway_remote_retries_total", "counter", "Second attempts at a batch, on a new connection.", static counts => counts.Retries);
        Each(writer, models, "gateway_remote_in_flight_batches", "gauge", "Batches that are under way.", static counts => counts.InFlight);
        Each(writer, models, "gateway_remote_breaker_state", "gauge", "Whether batches are sent: 0 yes, 1 one to see, 2 no.", static counts => counts.BreakerState);
    }

    private static void WriteFailures(PrometheusWriter writer, ((string Model, string Version) Labels, RemoteCounts Counts)[] models)
    {
        const string Failures = "gateway_remote_failures_total";
        writer.Family(Failures, "counter", "Batches that failed at the server that runs a model, or on the way there.");
        foreach (((string model, string version), RemoteCounts counts) in models)
        {
            foreach (UpstreamFailure failure in RemoteCounts.Failures)
            {
                writer.Sample(Failures, counts.Failed(failure), ("kind", Kinds[(int)failure]), ("model", model), ("version", version));
            }
        }
    }

    private static void Each(
        PrometheusWriter writer, ((string Model, string Version) Labels, RemoteCounts Counts)[] models, string name, string type, string help, Func<RemoteCounts, long> value)
    {
        writer.Family(name, type, help);
        foreach (((string model, string version), RemoteCounts counts) in models) writer.Sample(name, value(counts), ("model", model), ("version", version));
    }
}
