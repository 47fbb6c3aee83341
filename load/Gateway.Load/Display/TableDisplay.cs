using Gateway.Load.Running;
using Gateway.Load.Statistics;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Gateway.Load.Display;

/// <summary>A table that is written over as the run goes on, with a bar for how far it is.</summary>
internal sealed class TableDisplay(IAnsiConsole console) : IRunDisplay
{
    private const int BarCells = 20;

    public void Say(string text) => console.MarkupLine(Markup.Escape(text));

    public void Show(Action<Action<IReadOnlyList<RunProgress>>> watch) =>
        console.Live(Now([])).AutoClear(true).Start(context => watch(all => context.UpdateTarget(Now(all))));

    /// <summary>The table, or where it has no room the lines that stand where there is no terminal.</summary>
    public IRenderable Now(IReadOnlyList<RunProgress> all)
    {
        Table table = Table(all);
        return console.HasRoomFor(table) ? table : new Rows(all.Select(progress => new Text(PlainDisplay.Line(progress))));
    }

    private static Table Table(IReadOnlyList<RunProgress> all)
    {
        Table table = new Table().Border(TableBorder.Rounded).AddColumn("Scenario").AddColumn("Progress");
        foreach (string column in (ReadOnlySpan<string>)["Offered/s", "Answered/s", "p50", "p99", "Under way", "Refused", "Failed"]) table.AddColumn(new TableColumn(column).RightAligned());
        foreach (RunProgress progress in all)
        {
            LatencyHistogram latency = progress.Last?.Latency.ToHistogram() ?? new LatencyHistogram();
            double seconds = progress.IntervalSeconds;
            table.AddRow(
                Markup.Escape(progress.Name),
                Bar(progress),
                Quantity.Number((progress.Last?.Offered ?? 0) / seconds),
                Quantity.Number((progress.Last?.Answered ?? 0) / seconds),
                latency.Count == 0 ? "–" : Quantity.Seconds(latency.Nanoseconds(0.5) / 1e9),
                latency.Count == 0 ? "–" : Quantity.Seconds(latency.Nanoseconds(0.99) / 1e9),
                Quantity.Number(progress.UnderWay),
                progress.Refused > 0 ? $"[yellow]{Quantity.Number(progress.Refused)}[/]" : "0",
                progress.Failed > 0 ? $"[red]{Quantity.Number(progress.Failed)}[/]" : "0");
        }

        return table;
    }

    private static string Bar(RunProgress progress)
    {
        double passed = Math.Min(progress.Passed, progress.Seconds);
        int full = (int)Math.Round(BarCells * passed / progress.Seconds);
        string colour = progress.Passed < progress.WarmUpSeconds ? "grey" : "green";
        return $"[{colour}]{new string('━', full)}[/][grey35]{new string('━', BarCells - full)}[/] {Quantity.Number(Math.Floor(passed))}/{Quantity.Number(progress.Seconds)} s";
    }
}
