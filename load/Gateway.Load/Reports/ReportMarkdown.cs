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
        text.Append(CultureInfo.InvariantCulture, $"# Load report, {report.Started:yyyy-MM-dd HH:mm} UTC\n\n{Cell(Verdict.Of(report))}\n\n");
        foreach (string warning in report.Warnings) text.Append(CultureInfo.InvariantCulture, $"> {Cell(warning)}\n");
        if (report.Warnings.Count > 0) text.Append('\n');
        if (report.Scenarios.Count > 0 && report.Capacity is null) Scenarios(text, report.Scenarios);
        if (report.Thresholds.Count > 0)
        {
            text.Append("| threshold | scenario | value | |\n|---|---|---|---|\n");
            foreach (ThresholdResult each in report.Thresholds) text.Append(CultureInfo.InvariantCulture, $"| {Cell(each.Text)} | {Cell(each.Scenario)} | {Cell(each.Value)} | {(each.IsKept ? "kept" : "**failed**")} |\n");
            text.Append('\n');
        }

        if (report.Server is { } server)
        {
            text.Append(CultureInfo.InvariantCulture, $"Server: {(server.CpuCores >= 0 ? $"{Quantity.Number(server.CpuCores)} cores busy, " : "")}batches of {Quantity.Number(server.BatchRows)} rows; ");
            text.Append(string.Join(", ", server.Stages.Select(stage => $"{stage.Name} {Quantity.Seconds(stage.Milliseconds / 1000)}"))).Append(".\n\n");
        }

        if (report.Capacity is { } capacity) Capacity(text, capacity);
        if (report.Tune is { } tune) Tune(text, tune);
        text.Append(CultureInfo.InvariantCulture, $"{Code(report.Command)}\n\n{Cell($"{report.Machine}")}{(report.Processes > 1 ? $"; {report.Processes} load processes" : "")}\n");
        return text.ToString();
    }

    /// <summary>Two runs side by side.</summary>
    public static string Compare(IReadOnlyList<ComparedValue> values)
    {
        StringBuilder text = new($"{Comparison.Verdict(values)}\n\n| | before | after | change |\n|---|---:|---:|---:|\n");
        foreach (ComparedValue value in values) text.Append(CultureInfo.InvariantCulture, $"| {Cell(value.Name)} | {value.Before} | {value.After} | {value.Change} |\n");
        return text.ToString();
    }

    private static void Scenarios(StringBuilder text, IReadOnlyList<ScenarioResult> scenarios)
    {
        text.Append("| scenario | offered/s | answered/s | good/s | p50 | p90 | p99 | p99.9 | max | refused | errors | client CPU a call | client late, p99 |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n");
        foreach (ScenarioResult each in scenarios)
        {
            LatencyHistogram latency = each.Latency.ToHistogram();
            text.Append(CultureInfo.InvariantCulture, $"| {Cell(each.Name)} | {Quantity.Number(each.OfferedRate)} | {Quantity.Number(each.Throughput)} | {Quantity.Number(each.Goodput)} ");
            foreach (double share in (ReadOnlySpan<double>)[0.5, 0.9, 0.99, 0.999, 1]) text.Append(CultureInfo.InvariantCulture, $"| {(latency.Count == 0 ? "–" : Quantity.Seconds(latency.Nanoseconds(share) / 1e9))} ");
            text.Append(CultureInfo.InvariantCulture, $"| {Quantity.Share(each.RefusedShare)} | {Quantity.Share(each.ErrorShare)} | {Quantity.Number(each.ClientCpuMicroseconds)} µs | {(each.IsOpen && each.Lag.Count > 0 ? Quantity.Seconds(each.Lag.ToHistogram().Nanoseconds(0.99) / 1e9) : "–")} |\n");
        }

        if (Verdict.OfTheAnswered(scenarios) is { } which) text.Append(CultureInfo.InvariantCulture, $"\n{Cell(which)}\n");
        text.Append('\n');
        foreach (ScenarioResult each in scenarios)
        {
            text.Append(CultureInfo.InvariantCulture, $"- **{Cell(each.Name)}**: {each.Carrier} to {Cell(each.Target)}; {Cell(string.Join("; ", each.Simulations))}; {each.Connections} connections, {each.Threads} threads; {(each.IsOpen ? "latency from the intended time" : "closed model")}{Checked(each)}\n");
            foreach (KindCount kind in each.Kinds) text.Append(CultureInfo.InvariantCulture, $"  - {Quantity.Number(kind.Count)} × {Cell(kind.Kind)}{(kind.Sample.Length > 0 ? $": {Cell(kind.Sample)}" : "")}\n");
        }

        text.Append('\n');
    }

    /// <summary>What <c>--verify</c> did; an answer that was compared with no earlier one was checked by type and shape alone.</summary>
    private static string Checked(ScenarioResult each) =>
        each.Verified == 0 ? "" : $"; {Quantity.Number(each.Verified)} answers checked{(each.VerifiedByShape > 0 ? $", {Quantity.Number(each.VerifiedByShape)} of them by type and shape alone" : "")}";

    private static void Capacity(StringBuilder text, CapacityResult capacity)
    {
        string percentile = $"p{Quantity.Number(capacity.Percentile * 100)}";
        bool hasMachines = capacity.Settings.Any(each => each.Machines is not null);
        text.Append(CultureInfo.InvariantCulture, $"| | knee ({percentile} within {Quantity.Seconds(capacity.ObjectiveMilliseconds / 1000)}) | each time found | spread | saturated | connections | what limits |{(hasMachines ? " machines |" : "")}\n|---|---:|---|---:|---:|---:|---|{(hasMachines ? "---|" : "")}\n");
        foreach (CapacityOf each in capacity.Settings)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {Cell(each.Name)} | {each.KneeText} | {string.Join(", ", each.Knees.Select(Quantity.Number))} | {(each.Knees.Count > 1 ? Quantity.Share(each.Spread) : "–")} | {each.SaturationText} | {Known(each.Connections)} | {Cell(each.Limit)} |");
            if (hasMachines) text.Append(CultureInfo.InvariantCulture, $" {(each.Machines is { } plan ? $"{plan.Text} for {Quantity.Number(plan.Rate)}/s with {Quantity.Share(plan.Headroom)} of each free" : "–")} |");
            text.Append('\n');
        }

        text.Append('\n');
        foreach (CapacityOf each in capacity.Settings.Where(each => each.Trials.Count > 0)) Trials(text, each, percentile);
    }

    private static void Trials(StringBuilder text, CapacityOf capacity, string percentile)
    {
        text.Append(CultureInfo.InvariantCulture, $"{Cell(capacity.Name)}, every stretch in order; in brackets, where {percentile} lies with 95 % of certainty:\n\n| rate | for | answered/s | p50 | {percentile} | | no answer | server CPU, cores | rows of a batch | |\n|---:|---:|---:|---:|---:|---|---:|---:|---:|---|\n");
        foreach (TrialResult each in capacity.Trials)
        {
            string verdict = each.Rate == 0 ? "" : each.IsCurve ? "curve" : each.Hopeless is not null ? "hopeless" : each.Holds ? "holds" : "misses";
            text.Append(CultureInfo.InvariantCulture, $"| {(each.Rate > 0 ? $"{Quantity.Number(each.Rate)}/s" : "saturated")} | {Quantity.Seconds(each.Seconds)} | {Quantity.Number(each.Throughput)} | {Milliseconds(each.P50Milliseconds)} | {Milliseconds(each.ObjectiveMilliseconds)} | ({Milliseconds(each.ObjectiveLeast)} to {Milliseconds(each.ObjectiveMost)}) | {Quantity.Share(each.ErrorShare)} | {(each.ServerCpuCores >= 0 ? Quantity.Number(each.ServerCpuCores) : "–")} | {(each.BatchRows > 0 ? Quantity.Number(each.BatchRows) : "–")} | {verdict} |\n");
        }

        text.Append('\n');
    }

    /// <summary>A dash where an older report does not say.</summary>
    private static string Known(int count) => count > 0 ? Quantity.Number(count) : "–";

    /// <summary>A dash where there is none, or it lies beyond what was answered.</summary>
    private static string Milliseconds(double milliseconds) => milliseconds > 0 ? Quantity.Seconds(milliseconds / 1000) : "–";

    private static void Tune(StringBuilder text, TuneResult tune)
    {
        bool hasKnee = tune.Percentile > 0;
        if (tune.Rate > 0) text.Append(CultureInfo.InvariantCulture, $"Latencies at {Quantity.Number(tune.Rate)}/s{(hasKnee ? $"; knee: p{Quantity.Number(tune.Percentile * 100)} within {Quantity.Seconds(tune.ObjectiveMilliseconds / 1000)}" : "")}.\n\n");
        text.Append($"| setting | saturated | connections | p50 | p99 | batch | no answer |{(hasKnee ? " knee | what limits it |" : "")} |\n|---|---:|---:|---:|---:|---:|---:|{(hasKnee ? "---:|---|" : "")}---|\n");
        foreach (TunePoint point in tune.Points)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {Cell(point.Name)} | {(point.Problem is null ? $"{Quantity.Number(point.Throughput)}/s{Between(Quantity.Number(point.ThroughputLeast), Quantity.Number(point.ThroughputMost))} | {Known(point.Connections)} | {Quantity.Seconds(point.P50Milliseconds / 1000)} | {Quantity.Seconds(point.P99Milliseconds / 1000)}{Between(Quantity.Seconds(point.P99LeastMilliseconds / 1000), Quantity.Seconds(point.P99MostMilliseconds / 1000))} | {Quantity.Number(point.BatchRows)} | {Quantity.Share(point.MissShare)} |{(hasKnee ? $" {Quantity.Number(point.Knee)}/s | {Cell(point.Limit)} |" : "")} {(point.IsBest ? "on the front" : point.IsAsGood ? "as good as the front" : "")}" : $"| | | | | |{(hasKnee ? " | |" : "")} {Cell(point.Problem)}")} |\n");
        }

        text.Append('\n');
        foreach (TunePoint point in tune.Points.Where(point => point.IsBest)) text.Append(CultureInfo.InvariantCulture, $"{Cell(point.Name)}:\n\n```\n{point.Config.TrimEnd()}\n```\n\n");
    }

    /// <summary>Least and most of the passes, where they differ.</summary>
    private static string Between(string least, string most) => least == most ? "" : $" ({least} to {most})";

    /// <summary>Text of others that is to stay text, in a cell or out of one.</summary>
    private static string Cell(string text)
    {
        StringBuilder cell = new(text.Length);
        foreach (char character in text)
        {
            if (character is '|' or '<' or '>' or '`' or '*' or '_' or '[' or ']' or '\\' or '#') cell.Append('\\');
            cell.Append(char.IsControl(character) ? ' ' : character);
        }

        return cell.ToString();
    }

    /// <summary>A line of code, fenced by more back-ticks than there are in it.</summary>
    private static string Code(string text)
    {
        string fence = "`";
        while (text.Contains(fence, StringComparison.Ordinal)) fence += "`";
        string space = text.StartsWith('`') || text.EndsWith('`') ? " " : "";
        return $"{fence}{space}{text.Replace('\n', ' ')}{space}{fence}";
    }
}
