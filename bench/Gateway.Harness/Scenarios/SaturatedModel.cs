using Gateway.Harness.Load;
using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects;

namespace Gateway.Harness.Scenarios;

/// <summary>A model that is itself the limit: what is left of the rows a second that it makes with nothing around it.</summary>
/// <param name="budget">From design.md, "Budgets".</param>
/// <param name="stretch">How much longer than usual to measure: a slow model needs more time for as many batches.</param>
internal sealed class SaturatedModel(BenchModel model, double budget, double stretch) : IScenario
{
    // Enough to fill the next batch while one runs, for the largest batch measured best.
    private const int Connections = 64;

    public string Name => model.Name;

    public string Summary => $"rows/s of {model.Name} through the gateway ÷ rows/s of a bare RunWithBinding loop at its best batch size";

    public IReadOnlyList<Comparison> Measure(Effort usual)
    {
        Effort effort = usual with { Seconds = usual.Seconds * stretch };
        InferExchange exchange = InferExchange.For(model);
        using ServerProcess server = effort.Programs.StartGateway(BenchModel.Repository, out _);
        effort.WarmUp(server, exchange);
        (LoadResult[] load, IReadOnlyList<BatchFigure>[] bare) = effort.InTurn(
            () => effort.Load(server, exchange, Connections), () => BareRun.Measure(model, effort.Seconds, model.MaxBatchSize));
        Series gateway = new("gateway", "rows/s", [.. load.Select(result => result.PerSecond)]);
        Series run = new("bare run, best batch", "rows/s", [.. bare.Select(figures => figures.Max(figure => figure.RowsPerSecond))]);
        Series size = new("its batch", "rows", [.. bare.Select(figures => (double)figures.MaxBy(figure => figure.RowsPerSecond)!.Rows)]);
        return
        [
            new Comparison($"{model.Name}, {Connections} connections", Series.Ratio(gateway, run), Budget.AtLeast(budget), [gateway, run, size], new { load, bare }),
        ];
    }
}
