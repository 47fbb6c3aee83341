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
        "process_cpu_seconds_total", "process_start_time_seconds", "gateway_batch_size_rows_sum", "gateway_batch_size_rows_count", "gateway_batch_size_rows_bucket", "gateway_batch_run_seconds_total", "gateway_batch_close_reason_total", "gateway_model_provider",
        "nv_inference_pending_request_count", "nv_inference_count", "nv_inference_exec_count", "nv_inference_request_success",
        .. Stages.SelectMany(stage => new[] { $"gateway_{stage}_duration_seconds_sum", $"gateway_{stage}_duration_seconds_count", $"nv_inference_{stage}_duration_us" }),
    ];

    /// <param name="models">Those that the load asked.</param>
    /// <param name="countFrom">Seconds from the start; pages before belong to the warm-up.</param>
    /// <returns>Null when there are no two pages.</returns>
    public static ServerResult? Read(string url, IReadOnlyList<MetricsSample> samples, IReadOnlySet<string> models, double countFrom, double countTo)
    {
        if (samples.Count == 0) return null;
        MetricsSample first = samples.LastOrDefault(sample => sample.Seconds <= countFrom) ?? samples[0];
        MetricsSample last = samples.FirstOrDefault(sample => sample.Seconds >= countTo) ?? samples[^1];
        Stretches counted = new(samples.Where(sample => sample.Seconds >= first.Seconds && sample.Seconds <= last.Seconds), models);
        if (counted.Seconds <= 0) return null;
        List<ServerPoint> points = [];
        for (int i = 1; i < samples.Count; i++)
        {
            MetricsSample from = samples[i - 1];
            MetricsSample to = samples[i];
            Stretches between = new([from, to], models);
            if (between.Seconds < 1e-3) continue;
            points.Add(new ServerPoint(
                to.Seconds, Cores(between), Batch(between, models), Known(to.Sum("nv_inference_pending_request_count", models)),
                Stage(between, "queue", models), Stage(between, "compute_input", models), Stage(between, "compute_infer", models), Stage(between, "compute_output", models)));
        }

        int instances = (int)Known(last.Sum("gateway_model_provider", models));
        double run = counted.Grown("gateway_batch_run_seconds_total", models);
        bool isEstimate = double.IsNaN(run);
        double busy = Known((isEstimate ? EstimatedRun(counted, models) : run) / counted.Seconds);
        return new ServerResult(
            url,
            Cores(counted),
            instances > 0 ? Math.Min(busy, instances) : busy,
            Batch(counted, models),
            [.. Stages.Select(stage => new ServerStage(stage.Replace("compute_", "", StringComparison.Ordinal), Stage(counted, stage, models))).Where(stage => stage.Milliseconds > 0)],
            BatchSizes(counted, models),
            [.. Grown(counted, "gateway_batch_close_reason_total", "reason", models).Where(reason => reason.Count > 0)],
            points)
        {
            Instances = instances,
            IsBusyEstimate = isEstimate,
            Warning = counted.HasRestarted ? "the server restarted during the run: its figures are of the time before and after"
                : counted.HasReset ? "counters of the server began anew during the run, as those of a model that is loaded again: its figures are of the time before and after" : null,
            RunsOnCpu = instances > 0 && last.By("gateway_model_provider", "provider", models).Keys.All(provider => provider == "cpu"),
        };
    }

    /// <summary>Seconds in runs of a server that has no counter for them: batches times the mean run that requests saw, which is too much where longer runs have more requests.</summary>
    private static double EstimatedRun(Stretches counted, IReadOnlySet<string> models)
    {
        double batches = counted.Grown("gateway_batch_size_rows_count", models);
        return (double.IsNaN(batches) ? counted.Grown("nv_inference_exec_count", models) : batches) * Stage(counted, "compute_infer", models) / 1000;
    }

    private static double Cores(Stretches counted)
    {
        double cpu = counted.Grown("process_cpu_seconds_total", new HashSet<string>());
        return double.IsNaN(cpu) ? -1 : cpu / counted.Seconds;
    }

    private static double Batch(Stretches counted, IReadOnlySet<string> models)
    {
        double ours = counted.Grown("gateway_batch_size_rows_sum", models) / counted.Grown("gateway_batch_size_rows_count", models);
        return Known(double.IsNaN(ours) ? counted.Grown("nv_inference_count", models) / counted.Grown("nv_inference_exec_count", models) : ours);
    }

    /// <summary>Milliseconds a request.</summary>
    private static double Stage(Stretches counted, string stage, IReadOnlySet<string> models)
    {
        double ours = counted.Grown($"gateway_{stage}_duration_seconds_sum", models) / counted.Grown($"gateway_{stage}_duration_seconds_count", models) * 1000;
        return Known(double.IsNaN(ours) ? counted.Grown($"nv_inference_{stage}_duration_us", models) / counted.Grown("nv_inference_request_success", models) / 1000 : ours);
    }

    private static List<LabelCount> BatchSizes(Stretches counted, IReadOnlySet<string> models)
    {
        List<LabelCount> sizes = [];
        double below = 0;
        foreach (LabelCount each in Grown(counted, "gateway_batch_size_rows_bucket", "le", models).OrderBy(size => double.TryParse(size.Label, NumberStyles.Float, CultureInfo.InvariantCulture, out double bound) ? bound : double.PositiveInfinity))
        {
            if (each.Count > below) sizes.Add(each with { Count = each.Count - below });
            below = each.Count;
        }

        return sizes;
    }

    private static IEnumerable<LabelCount> Grown(Stretches counted, string name, string label, IReadOnlySet<string> models) =>
        counted.GrownBy(name, label, models).Select(pair => new LabelCount(pair.Key, pair.Value));

    private static double Known(double value) => double.IsFinite(value) ? value : 0;
}
