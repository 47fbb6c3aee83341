using System.Globalization;
using System.Text;
using Gateway.Load.Results;
using Gateway.Load.Statistics;

namespace Gateway.Load.Reports;

/// <summary>Reports as Markdown: for a pull request, or a page of results.</summary>
internal static class ReportMarkdown
{
    public static string Write(LoadReport report)
    {
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"# Load report, {report.Started:yyyy-MM-dd HH:mm} UTC\n\n{Verdict.Of(report)}\n\n");
        foreach (string warning in report.Warnings) text.Append(CultureInfo.InvariantCulture, $"> {warning}\n");
        if (report.Warnings.Count > 0) text.Append('\n');
        if (report.Scenarios.Count > 0 && report.Capacity is null) Scenarios(text, report.Scenarios);
        if (report.Thresholds.Count > 0)
        {
            text.Append("| threshold | scenario | value | |\n|---|---|---|---|\n");
            foreach (ThresholdResult each in report.Thresholds) text.Append(CultureInfo.InvariantCulture, $"| {Cell(each.Text)} | {Cell(each.Scenario)} | {each.Value} | {(each.IsKept ? "kept" : "**failed**")} |\n");
            text.Append('\n');
        }

        if (report.Server is { } server)
        {
            text.Append(CultureInfo.InvariantCulture, $"Server: {(server.CpuCores >= 0 ? $"{Quantity.Number(server.CpuCores)} cores busy, " : "")}batches of {Quantity.Number(server.BatchRows)} rows; ");
            text.Append(string.Join(", ", server.Stages.Select(stage => $"{stage.Name} {Quantity.Seconds(stage.Milliseconds / 1000)}"))).Append(".\n\n");
        }

        if (report.Capacity is { } capacity) Capacity(text, capacity);
        if (report.Tune is { } tune) Tune(text, tune);
        text.Append(CultureInfo.InvariantCulture, $"`{report.Command}`\n\n{report.Machine}{(report.Processes > 1 ? $"; {report.Processes} load processes" : "")}\n");
        return text.ToString();
    }

    /// <summary>Two runs side by side.</summary>
    public static string Compare(LoadReport before, LoadReport after)
    {
        StringBuilder text = new("| | before | after | change |\n|---|---:|---:|---:|\n");
        foreach (ComparedValue value in Comparison.Of(before, after)) text.Append(CultureInfo.InvariantCulture, $"| {Cell(value.Name)} | {value.Before} | {value.After} | {value.Change} |\n");
        return text.ToString();
    }

    private static void Scenarios(StringBuilder text, IReadOnlyList<ScenarioResult> scenarios)
    {
        text.Append("| scenario | offered/s | answered/s | good/s | p50 | p90 | p99 | p99.9 | max | refused | errors | client CPU a call |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n");
        foreach (ScenarioResult each in scenarios)
        {
            LatencyHistogram latency = each.Latency.ToHistogram();
            text.Append(CultureInfo.InvariantCulture, $"| {Cell(each.Name)} | {Quantity.Number(each.OfferedRate)} | {Quantity.Number(each.Throughput)} | {Quantity.Number(each.Goodput)} ");
            foreach (double share in (ReadOnlySpan<double>)[0.5, 0.9, 0.99, 0.999, 1]) text.Append(CultureInfo.InvariantCulture, $"| {(latency.Count == 0 ? "–" : Quantity.Seconds(latency.Nanoseconds(share) / 1e9))} ");
            text.Append(CultureInfo.InvariantCulture, $"| {Quantity.Share(each.RefusedShare)} | {Quantity.Share(each.ErrorShare + each.WrongShare)} | {Quantity.Number(each.ClientCpuMicroseconds)} µs |\n");
        }

        text.Append('\n');
        foreach (ScenarioResult each in scenarios)
        {
            text.Append(CultureInfo.InvariantCulture, $"- **{Cell(each.Name)}**: {each.Carrier} to {each.Target}; {string.Join("; ", each.Simulations)}; {each.Connections} connections, {each.Threads} threads; {(each.IsOpen ? "latency from the intended time" : "closed model")}\n");
            foreach (KindCount kind in each.Kinds) text.Append(CultureInfo.InvariantCulture, $"  - {Quantity.Number(kind.Count)} × {Cell(kind.Kind)}{(kind.Sample.Length > 0 ? $": {Cell(kind.Sample)}" : "")}\n");
        }

        text.Append('\n');
    }

    private static void Capacity(StringBuilder text, CapacityResult capacity)
    {
        text.Append(CultureInfo.InvariantCulture, $"| | knee (p{Quantity.Number(capacity.Percentile * 100)} within {Quantity.Seconds(capacity.ObjectiveMilliseconds / 1000)}) | each time found | spread | saturated | what limits |\n|---|---:|---|---:|---:|---|\n");
        foreach (CapacityOf each in capacity.Settings)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {Cell(each.Name)} | {Quantity.Number(each.Knee)}/s | {string.Join(", ", each.Knees.Select(Quantity.Number))} | {Quantity.Share(each.Spread)} | {Quantity.Number(each.Saturation)}/s | {Cell(each.Limit)} |\n");
        }

        text.Append('\n');
    }

    private static void Tune(StringBuilder text, TuneResult tune)
    {
        text.Append("| setting | saturated | p50 | p99 | batch | |\n|---|---:|---:|---:|---:|---|\n");
        foreach (TunePoint point in tune.Points)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {Cell(point.Name)} | {(point.Problem is null ? $"{Quantity.Number(point.Throughput)}/s | {Quantity.Seconds(point.P50Milliseconds / 1000)} | {Quantity.Seconds(point.P99Milliseconds / 1000)} | {Quantity.Number(point.BatchRows)} | {(point.IsBest ? "on the front" : "")}" : $"| | | | {Cell(point.Problem)}")} |\n");
        }

        text.Append('\n');
        foreach (TunePoint point in tune.Points.Where(point => point.IsBest)) text.Append(CultureInfo.InvariantCulture, $"{point.Name}:\n\n```\n{point.Config.TrimEnd()}\n```\n\n");
    }

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal).Replace('\n', ' ');
}
