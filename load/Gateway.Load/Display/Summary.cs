using Gateway.Load.Results;
using Gateway.Load.Statistics;
using Spectre.Console;

namespace Gateway.Load.Display;

/// <summary>The end of a run on the console.</summary>
internal static class Summary
{
    public static void Write(IAnsiConsole console, LoadReport report)
    {
        if (report.Scenarios.Count > 0) console.Write(Scenarios(report.Scenarios));
        foreach (ScenarioResult scenario in report.Scenarios)
        {
            foreach (KindCount kind in scenario.Kinds) console.WriteLine($"  {scenario.Name}: {Quantity.Number(kind.Count)} × {kind.Kind}{(kind.Sample.Length > 0 ? $": {kind.Sample}" : "")}");
        }

        if (report.Server is { } server)
        {
            string cpu = server.CpuCores >= 0 ? $"{Quantity.Number(server.CpuCores)} cores, " : "";
            console.WriteLine($"  server: {cpu}batches of {Quantity.Number(server.BatchRows)} rows; {string.Join(", ", server.Stages.Select(stage => $"{stage.Name} {Quantity.Seconds(stage.Milliseconds / 1000)}"))}");
        }

        foreach (ThresholdResult threshold in report.Thresholds)
        {
            console.MarkupLine($"  {(threshold.IsKept ? "[green]kept  [/]" : "[red]failed[/]")} {Markup.Escape($"{threshold.Scenario}: {threshold.Text} (is {threshold.Value})")}");
        }
    }

    private static Table Scenarios(IReadOnlyList<ScenarioResult> results)
    {
        Table table = new Table().Border(TableBorder.Rounded).AddColumn("Scenario");
        string[] columns = ["Offered/s", "Answered/s", "Good/s", "p50", "p90", "p99", "p99.9", "Max", "Refused", "Errors", "Client CPU", "Client late, p99"];
        foreach (string column in columns) table.AddColumn(new TableColumn(column).RightAligned());
        foreach (ScenarioResult result in results)
        {
            LatencyHistogram latency = result.Latency.ToHistogram();
            table.AddRow(
                Markup.Escape(result.Name), Quantity.Number(result.OfferedRate), Quantity.Number(result.Throughput), Quantity.Number(result.Goodput),
                At(0.5), At(0.9), At(0.99), At(0.999), At(1),
                Quantity.Share(result.RefusedShare), Quantity.Share(result.ErrorShare), $"{Quantity.Number(result.ClientCpuMicroseconds)} µs",
                result.IsOpen && result.Lag.Count > 0 ? Quantity.Seconds(result.Lag.ToHistogram().Nanoseconds(0.99) / 1e9) : "–");

            string At(double share) => latency.Count == 0 ? "–" : Quantity.Seconds(latency.Nanoseconds(share) / 1e9);
        }

        return table;
    }
}
