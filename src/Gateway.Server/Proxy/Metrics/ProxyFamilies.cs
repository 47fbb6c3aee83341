using System.Globalization;
using System.Text.RegularExpressions;
using Gateway.Core.Diagnostics;
using Gateway.Server.Metrics;
using Polly.CircuitBreaker;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Model;

namespace Gateway.Server.Proxy.Metrics;

/// <summary>The proxy's metrics, under <c>gateway_proxy_…</c>.</summary>
internal sealed partial class ProxyFamilies(ProxyMetrics metrics, IProxyStateLookup state) : IMetricFamilies
{
    private static readonly double[] DurationBounds = [.. Enumerable.Range(0, DurationHistogram.Bounds).Select(DurationHistogram.BoundSeconds)];
    private static readonly string[] Reasons = [.. Enum.GetNames<LimitReason>().Select(Words)];

    public void Write(PrometheusWriter writer)
    {
        WriteRoutes(writer);
        WriteClusters(writer);
        WriteDestinations(writer);
        WriteConfiguration(writer);
    }

    private void WriteRoutes(PrometheusWriter writer)
    {
        (string Id, RouteCounts Counts, RouteCounts.Snapshot Taken)[] routes = [.. metrics.Routes.Select(each => (each.Key, each.Value, each.Value.Take()))];
        const string Requests = "gateway_proxy_requests_total";
        writer.Family(Requests, "counter", "Proxied requests that ended, by the status that they were answered.");
        foreach ((string id, _, RouteCounts.Snapshot taken) in routes)
        {
            foreach ((int status, long count) in taken.Statuses) writer.Sample(Requests, count, ("route", id), ("status", status.ToString(CultureInfo.InvariantCulture)));
        }

        const string Durations = "gateway_proxy_request_duration_seconds";
        writer.Family(Durations, "histogram", "Routing of a proxied request to the end of its response.");
        foreach ((string id, _, RouteCounts.Snapshot taken) in routes) writer.Histogram(Durations, DurationBounds, taken.Durations, taken.TotalNanoseconds / 1e9, ("route", id));

        const string Bytes = "gateway_proxy_response_bytes_total";
        writer.Family(Bytes, "counter", "Bytes of the bodies of upstreams' responses; what is upgraded, as WebSockets are, is not counted.");
        foreach ((string id, _, RouteCounts.Snapshot taken) in routes) writer.Sample(Bytes, taken.ResponseBytes, ("route", id));

        const string InFlight = "gateway_proxy_in_flight_requests";
        writer.Family(InFlight, "gauge", "Proxied requests that are under way or wait for their turn.");
        foreach ((string id, RouteCounts counts, _) in routes) writer.Sample(InFlight, counts.InFlight, ("route", id));

        const string Errors = "gateway_proxy_errors_total";
        writer.Family(Errors, "counter", "Requests that could not be forwarded, or not to their end, by YARP's word for why.");
        foreach ((string id, _, RouteCounts.Snapshot taken) in routes)
        {
            foreach ((Yarp.ReverseProxy.Forwarder.ForwarderError error, long count) in taken.Errors) writer.Sample(Errors, count, ("error", Words(error.ToString())), ("route", id));
        }

        const string Limited = "gateway_proxy_limited_requests_total";
        writer.Family(Limited, "counter", "Requests that were refused or cut short for a limit, by which.");
        foreach ((string id, _, RouteCounts.Snapshot taken) in routes)
        {
            for (int i = 0; i < Reasons.Length; i++) writer.Sample(Limited, taken.Limited[i], ("reason", Reasons[i]), ("route", id));
        }

        const string Model = "gateway_proxy_model_requests_total";
        writer.Family(Model, "counter", "Requests of routes that name a model, by who took them: its queue, or the route's cluster.");
        foreach ((string id, RouteCounts counts, _) in routes)
        {
            if (counts.ByModel + counts.ByUpstream == 0) continue;
            writer.Sample(Model, counts.ByModel, ("by", "model"), ("route", id));
            writer.Sample(Model, counts.ByUpstream, ("by", "upstream"), ("route", id));
        }
    }

    private void WriteClusters(PrometheusWriter writer)
    {
        Each(writer, "gateway_proxy_retries_total", "Attempts beyond the first.", static counts => counts.Retries);
        Each(writer, "gateway_proxy_denied_retries_total", "Retries that the budget did not allow.", static counts => counts.DeniedRetries);
        Each(writer, "gateway_proxy_opened_circuits_total", "Times that a destination's circuit opened.", static counts => counts.OpenedCircuits);
        const string Circuits = "gateway_proxy_circuit_closed";
        writer.Family(Circuits, "gauge", "1 for a destination that may be called, 0.5 for one that is being tried, 0 for one that is left alone.");
        foreach ((string id, ClusterCounts counts) in metrics.Clusters)
        {
            foreach ((string destination, CircuitBreakerStateProvider circuit) in counts.Circuits.OrderBy(each => each.Key, StringComparer.Ordinal))
            {
                double closed = circuit.CircuitState switch { CircuitState.Closed => 1, CircuitState.HalfOpen => 0.5, _ => 0 };
                writer.Sample(Circuits, closed, ("cluster", id), ("destination", destination));
            }
        }
    }

    private void Each(PrometheusWriter writer, string name, string help, Func<ClusterCounts, long> value)
    {
        writer.Family(name, "counter", help);
        foreach ((string id, ClusterCounts counts) in metrics.Clusters) writer.Sample(name, value(counts), ("cluster", id));
    }

    private void WriteDestinations(PrometheusWriter writer)
    {
        const string Name = "gateway_proxy_destinations";
        writer.Family(Name, "gauge", "Destinations of a cluster: all, and those that its health checks leave.");
        foreach (ClusterState cluster in state.GetClusters().OrderBy(cluster => cluster.ClusterId, StringComparer.Ordinal))
        {
            writer.Sample(Name, cluster.DestinationsState.AllDestinations.Count, ("cluster", cluster.ClusterId), ("state", "all"));
            writer.Sample(Name, cluster.DestinationsState.AvailableDestinations.Count, ("cluster", cluster.ClusterId), ("state", "available"));
        }

        const string Resolutions = "gateway_proxy_resolutions_total";
        writer.Family(Resolutions, "counter", "Look-ups of destinations' addresses, by how they ended.");
        foreach ((string address, ResolutionCounts counts) in metrics.Resolutions)
        {
            writer.Sample(Resolutions, counts.Failures, ("address", address), ("outcome", "failed"));
            writer.Sample(Resolutions, counts.Successes, ("address", address), ("outcome", "succeeded"));
        }
    }

    private void WriteConfiguration(PrometheusWriter writer)
    {
        const string Reloads = "gateway_proxy_config_reloads_total";
        writer.Family(Reloads, "counter", "Changes of the proxy's configuration while serving: those taken, and those refused.");
        writer.Sample(Reloads, metrics.FailedReloads, ("outcome", "refused"));
        writer.Sample(Reloads, metrics.Reloads, ("outcome", "taken"));
        writer.Family("gateway_proxy_config_current", "gauge", "1 when what the files say is in use, 0 when it was refused.");
        writer.Sample("gateway_proxy_config_current", metrics.IsCurrent ? 1 : 0);
    }

    private static string Words(string name) => WordStart().Replace(name, "_$0").ToLowerInvariant();

    [GeneratedRegex("(?<=[a-z])[A-Z]")]
    private static partial Regex WordStart();
}
