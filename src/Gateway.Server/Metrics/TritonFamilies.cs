using Gateway.Core.Diagnostics;
using Gateway.Core.Memory;
using Gateway.Core.Requests;

namespace Gateway.Server.Metrics;

/// <summary>The metrics that Triton has: its names, help texts and labels, so that its dashboards and tests work unchanged.</summary>
internal static class TritonFamilies
{
    /// <summary>
    /// Triton's reasons for a failed request. It does not count requests that it refuses before they are queued, for a full queue among other things: ours
    /// (<see cref="GatewayFamilies"/>) does.
    /// </summary>
    private static readonly (string Reason, RequestOutcome? Outcome)[] Reasons =
    [
        ("BACKEND", RequestOutcome.Failed),
        ("CANCELED", RequestOutcome.Cancelled),
        ("OTHER", null),
        ("REJECTED", RequestOutcome.Expired),
    ];

    public static void Write(PrometheusWriter writer, IReadOnlyList<ModelSample> models, BlockPool pool, MachineUsage machine)
    {
        Counter(writer, models, "nv_inference_request_success", "Number of successful inference requests, all batch sizes", static counts => counts[RequestOutcome.Succeeded]);
        WriteFailures(writer, models);
        Counter(writer, models, "nv_inference_count", "Number of inferences performed (does not include cached requests)", static counts => counts.Inferences);
        Counter(writer, models, "nv_inference_exec_count", "Number of model executions performed (does not include cached requests)", static counts => counts.Executions);
        Duration(writer, models, "request", "Cumulative inference request duration in microseconds (includes cached requests)", static counts => counts.Request);
        Duration(writer, models, "queue", "Cumulative inference queuing duration in microseconds (includes cached requests)", static counts => counts.Queue);
        Duration(writer, models, "compute_input", "Cumulative compute input duration in microseconds (does not include cached requests)", static counts => counts.ComputeInput);
        Duration(writer, models, "compute_infer", "Cumulative compute inference duration in microseconds (does not include cached requests)", static counts => counts.ComputeInfer);
        Duration(writer, models, "compute_output", "Cumulative inference compute output duration in microseconds (does not include cached requests)", static counts => counts.ComputeOutput);
        WriteModelGauges(writer, models);
        WriteMachine(writer, pool, machine);
    }

    private static void Counter(PrometheusWriter writer, IReadOnlyList<ModelSample> models, string name, string help, Func<ModelCounts, long> value)
    {
        writer.Family(name, "counter", help);
        foreach (ModelSample model in models) writer.Sample(name, value(model.Counts), ("model", model.Name), ("version", model.Version));
    }

    private static void Duration(PrometheusWriter writer, IReadOnlyList<ModelSample> models, string stage, string help, Func<ModelCounts, DurationHistogram> value) =>
        Counter(writer, models, $"nv_inference_{stage}_duration_us", help, counts => value(counts).TotalNanoseconds / 1000);

    private static void WriteFailures(PrometheusWriter writer, IReadOnlyList<ModelSample> models)
    {
        const string Name = "nv_inference_request_failure";
        writer.Family(Name, "counter", "Number of failed inference requests, all batch sizes");
        foreach (ModelSample model in models)
        {
            foreach ((string reason, RequestOutcome? outcome) in Reasons)
            {
                writer.Sample(Name, outcome is { } counted ? model.Counts[counted] : 0, ("model", model.Name), ("reason", reason), ("version", model.Version));
            }
        }
    }

    private static void WriteModelGauges(PrometheusWriter writer, IReadOnlyList<ModelSample> models)
    {
        const string Pending = "nv_inference_pending_request_count";
        writer.Family(Pending, "gauge", "Instantaneous number of pending requests awaiting execution per-model.");
        foreach (ModelSample model in models) writer.Sample(Pending, model.PendingRequests, ("model", model.Name), ("version", model.Version));

        const string Load = "nv_model_load_duration_secs";
        writer.Family(Load, "gauge", "Model load time in seconds");
        foreach (ModelSample model in models) writer.Sample(Load, model.LoadDuration.TotalSeconds, ("model", model.Name), ("version", model.Version));
    }

    private static void WriteMachine(PrometheusWriter writer, BlockPool pool, MachineUsage machine)
    {
        Gauge(writer, "nv_pinned_memory_pool_total_bytes", "Pinned memory pool total memory size, in bytes", pool.CeilingBytes);
        Gauge(writer, "nv_pinned_memory_pool_used_bytes", "Pinned memory pool used memory size, in bytes", pool.RentedBytes);
        if (machine.Utilization() is { } utilization)
        {
            writer.Family("nv_cpu_utilization", "gauge", "CPU utilization rate [0.0 - 1.0]");
            writer.Sample("nv_cpu_utilization", utilization);
        }

        if (machine.Memory() is { } memory)
        {
            Gauge(writer, "nv_cpu_memory_total_bytes", "CPU total memory (RAM), in bytes", memory.Total);
            Gauge(writer, "nv_cpu_memory_used_bytes", "CPU used memory (RAM), in bytes", memory.Used);
        }
    }

    private static void Gauge(PrometheusWriter writer, string name, string help, long value)
    {
        writer.Family(name, "gauge", help);
        writer.Sample(name, value);
    }
}
