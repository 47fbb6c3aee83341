using Gateway.Core.Tracing;

namespace Gateway.Server.Metrics;

/// <summary>What has become of the traces of requests.</summary>
internal sealed class TraceFamilies(Tracer tracer) : IMetricFamilies
{
    public void Write(PrometheusWriter writer)
    {
        const string Name = "gateway_traces_total";
        writer.Family(Name, "counter", "Traces of requests, by whether they were written or dropped.");
        writer.Sample(Name, tracer.Dropped, ("result", "dropped"));
        writer.Sample(Name, tracer.Written, ("result", "written"));
    }
}
