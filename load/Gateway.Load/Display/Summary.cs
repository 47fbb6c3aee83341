using Gateway.Load.Reports;
using Gateway.Load.Results;
using Gateway.Load.Statistics;
using Spectre.Console;

namespace Gateway.Load.Display;

/// <summary>The end of a run on the console.</summary>
internal static class Summary
{
    private static readonly string[] Columns = ["Offered/s", "Answered/s", "Good/s", "p50", "p90", "p99", "p99.9", "Max", "Refused", "Errors", "Client CPU", "Client late, p99"];

    public static void Write(IAnsiConsole console, LoadReport report)
    {
        if (report.Scenarios.Count > 0)
        {
            Table table = Table(report.Scenarios);
            if (console.HasRoomFor(table)) console.Write(table);
            else Blocks(console, report.Scenarios);
            if (Verdict.OfTheAnswered(report.Scenarios) is { } which) console.WriteLine($"  {which}");
        }

        foreach (ScenarioResult scenario in report.Scenarios)
        {
            foreach (KindCount kind in scenario.Kinds) console.WriteLine($"  {scenario.Name}: {Quantity.Number(kind.Count)} × {kind.Kind}{(kind.Sample.Length > 0 ? $": {kind.Sample}" : "")}");
        }

        if (report.Server is { } server)
        {
            string cpu = server.CpuCores >= 0 ? $"{Quantity.Number(server.CpuCores)} cores, " : "";
            console.WriteLine($"  server: {cpu}batches of {Quantity.Number(server.BatchRows)} rows; {string.Join(", ", server.Stages.Select(stage => $"{stage.Name} {Quantity.Seconds(stage.Milliseconds / 1000)}"))}");
        }

        foreach (CapacityOf found in report.Capacity?.Settings ?? [])
        {
            string saturated = found.Saturation > 0 ? $", saturated {found.SaturationText} over {Quantity.Number(found.Connections)} connections" : "";
            console.WriteLine($"  {found.Name}: knee {found.KneeText}{(found.Knees.Count > 1 ? $" (spread {Quantity.Share(found.Spread)})" : "")}{saturated}; {found.LimitText}");
        }

        foreach (ThresholdResult threshold in report.Thresholds)
        {
            console.MarkupLine($"  {(threshold.IsKept ? "[green]kept  [/]" : "[red]failed[/]")} {Markup.Escape($"{threshold.Scenario}: {threshold.Text} (is {threshold.Value})")}");
        }
    }

    private static Table Table(IReadOnlyList<ScenarioResult> results)
    {
        Table table = new Table().Border(TableBorder.Rounded).AddColumn("Scenario");
        foreach (string column in Columns) table.AddColumn(new TableColumn(column).RightAligned());
        foreach (ScenarioResult result in results) table.AddRow([Markup.Escape(result.Name), .. Values(result)]);
        return table;
    }

    /// <summary>A line for each figure: what a terminal too narrow for the table has room for.</summary>
    private static void Blocks(IAnsiConsole console, IReadOnlyList<ScenarioResult> results)
    {
        int width = Columns.Max(column => column.Length);
        foreach (ScenarioResult result in results)
        {
            console.WriteLine(result.Name);
            foreach ((string name, string value) in Columns.Zip(Values(result))) console.WriteLine($"  {name.PadRight(width)}  {value,12}");
        }
    }

    /// <summary>By <see cref="Columns"/>.</summary>
    private static string[] Values(ScenarioResult result)
    {
        LatencyHistogram latency = result.Latency.ToHistogram();
        return
        [
            Quantity.Number(result.OfferedRate), Quantity.Number(result.Throughput), Quantity.Number(result.Goodput),
            At(0.5), At(0.9), At(0.99), At(0.999), At(1),
            Quantity.Share(result.RefusedShare), Quantity.Share(result.ErrorShare), $"{Quantity.Number(result.ClientCpuMicroseconds)} µs",
            result.IsOpen && result.Lag.Count > 0 ? Quantity.Seconds(result.Lag.ToHistogram().Nanoseconds(0.99) / 1e9) : "–",
        ];

        string At(double share) => latency.Count == 0 ? "–" : Quantity.Seconds(latency.Nanoseconds(share) / 1e9);
    }
}
