using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects;

namespace Gateway.Harness.Scenarios;

/// <summary>A gateway's rate beside what the bare endpoint and the bare run would make on one core if they shared it and cost each other nothing: the most there can be.</summary>
internal static class BesideBoth
{
    /// <param name="mostRows">Largest batch that the load lets it run.</param>
    public static Comparison Compare(Effort effort, BenchModel model, string name, Series gateway, Series endpoint, int mostRows)
    {
        Series run = new(
            mostRows == 1 ? "bare run, one row" : "bare run, best batch",
            "rows/s",
            [.. gateway.Rounds.Select(_ => BareRun.Measure(model, effort.Seconds, mostRows).Max(figure => figure.RowsPerSecond))]);
        Series both = new("bare endpoint and bare run", "inferences/s", [.. endpoint.Rounds.Zip(run.Rounds, (requests, rows) => 1 / ((1 / requests) + (1 / rows)))]);
        return new Comparison($"{name}, beside both", Series.Ratio(gateway, both), Budget: null, [gateway, endpoint, run, both]);
    }
}
