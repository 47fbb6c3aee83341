using System.Globalization;
using Gateway.Load.Results;

namespace Gateway.Load.ServerMetrics;

/// <summary>Makes averages and series of pages of metrics. What a server does not export is left out, never guessed.</summary>
internal static class ServerReading
{
    private static readonly string[] Stages = ["queue", "compute_input", "compute_infer", "compute_output"];

    /// <summary>All series that are read.</summary>
    public static HashSet<string> Names { get; } =
    [
        "process_cpu_seconds_total", "gateway_batch_size_rows_sum", "gateway_batch_size_rows_count", "gateway_batch_size_rows_bucket", "gateway_batch_close_reason_total", "gateway_model_provider",
        "nv_inference_pending_request_count", "nv_inference_count", "nv_inference_exec_count", "nv_inference_request_success",
        .. Stages.SelectMany(stage => new[] { $"gateway_{stage}_duration_seconds_sum", $"gateway_{stage}_duration_seconds_count", $"nv_inference_{stage}_duration_us" }),
    ];

    /// <param name="models">Those that the load asked.</param>
    /// <param name="countFrom">Seconds from the start; pages before belong to the warm-up.</param>
    /// <returns>Null when there are no two pages.</returns>
    public static ServerResult? Read(string url, IReadOnlyList<MetricsSample> samples, IReadOnlySet<string> models, double countFrom, double countTo)
    {
        MetricsSample? first = samples.LastOrDefault(sample => sample.Seconds <= countFrom) ?? (samples.Count > 0 ? samples[0] : null);
        MetricsSample? last = samples.FirstOrDefault(sample => sample.Seconds >= countTo) ?? (samples.Count > 0 ? samples[^1] : null);
        if (first is null || last is null || last.Seconds <= first.Seconds) return null;
        List<ServerPoint> points = [];
        for (int i = 1; i < samples.Count; i++)
        {
            MetricsSample from = samples[i - 1];
            MetricsSample to = samples[i];
            if (to.Seconds - from.Seconds < 1e-3) continue;
            points.Add(new ServerPoint(
                to.Seconds, Cores(from, to), Batch(from, to, models), Known(to.Sum("nv_inference_pending_request_count", models)),
                Stage(from, to, "queue", models), Stage(from, to, "compute_input", models), Stage(from, to, "compute_infer", models), Stage(from, to, "compute_output", models)));
        }

        double batches = Delta(first, last, "gateway_batch_size_rows_count", models);
        double busy = batches * Stage(first, last, "compute_infer", models) / 1000 / (last.Seconds - first.Seconds);
        return new ServerResult(
            url,
            Cores(first, last),
            Known(busy),
            Batch(first, last, models),
            [.. Stages.Select(stage => new ServerStage(stage.Replace("compute_", "", StringComparison.Ordinal), Stage(first, last, stage, models))).Where(stage => stage.Milliseconds > 0)],
            BatchSizes(first, last, models),
            [.. Grown(first, last, "gateway_batch_close_reason_total", "reason", models).Where(reason => reason.Count > 0)],
            points)
        {
            Instances = (int)Known(last.Sum("gateway_model_provider", models)),
        };
    }

    private static double Cores(MetricsSample from, MetricsSample to)
    {
        double cpu = Delta(from, to, "process_cpu_seconds_total", new HashSet<string>());
        return double.IsNaN(cpu) ? -1 : cpu / (to.Seconds - from.Seconds);
    }

    private static double Batch(MetricsSample from, MetricsSample to, IReadOnlySet<string> models)
    {
        double ours = Delta(from, to, "gateway_batch_size_rows_sum", models) / Delta(from, to, "gateway_batch_size_rows_count", models);
        return Known(double.IsNaN(ours) ? Delta(from, to, "nv_inference_count", models) / Delta(from, to, "nv_inference_exec_count", models) : ours);
    }

    /// <summary>Milliseconds a request.</summary>
    private static double Stage(MetricsSample from, MetricsSample to, string stage, IReadOnlySet<string> models)
    {
        double ours = Delta(from, to, $"gateway_{stage}_duration_seconds_sum", models) / Delta(from, to, $"gateway_{stage}_duration_seconds_count", models) * 1000;
        return Known(double.IsNaN(ours) ? Delta(from, to, $"nv_inference_{stage}_duration_us", models) / Delta(from, to, "nv_inference_request_success", models) / 1000 : ours);
    }

    private static List<LabelCount> BatchSizes(MetricsSample from, MetricsSample to, IReadOnlySet<string> models)
    {
        List<LabelCount> sizes = [];
        double below = 0;
        foreach (LabelCount each in Grown(from, to, "gateway_batch_size_rows_bucket", "le", models).OrderBy(size => double.TryParse(size.Label, NumberStyles.Float, CultureInfo.InvariantCulture, out double bound) ? bound : double.PositiveInfinity))
        {
            if (each.Count > below) sizes.Add(each with { Count = each.Count - below });
            below = each.Count;
        }

        return sizes;
    }

    private static IEnumerable<LabelCount> Grown(MetricsSample from, MetricsSample to, string name, string label, IReadOnlySet<string> models)
    {
        Dictionary<string, double> before = from.By(name, label, models);
        return to.By(name, label, models).Select(pair => new LabelCount(pair.Key, pair.Value - before.GetValueOrDefault(pair.Key)));
    }

    private static double Delta(MetricsSample from, MetricsSample to, string name, IReadOnlySet<string> models) => to.Sum(name, models) - from.Sum(name, models);

    private static double Known(double value) => double.IsFinite(value) ? value : 0;
}
