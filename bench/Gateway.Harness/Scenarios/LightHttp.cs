using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects;

namespace Gateway.Harness.Scenarios;

/// <summary>A light model under full load: what is left of the bare endpoint's requests a second.</summary>
internal sealed class LightHttp(string name, BenchModel model) : IScenario
{
    // From design.md, "Budgets".
    private static readonly Budget Ratio = Budget.AtLeast(0.85);

    public string Name => name;

    public string Summary => $"inferences/s of {model.Name} ÷ requests/s of a bare Kestrel endpoint, HTTP binary, 16 and 64 connections";

    public IReadOnlyList<Comparison> Measure(Effort effort)
    {
        List<Comparison> comparisons = [];
        using (EndpointPair pair = EndpointPair.Gateway(effort, model))
        {
            comparisons.AddRange(new[] { 16, 64 }.Select(connections => pair.CompareThroughput($"{model.Name}, {connections} connections", connections, Ratio)));
        }

        comparisons.Add(BesideEndpointAndRun(effort, comparisons[^1]));

        // What remains when the gateway's better settings of the same server do not count: the gateway's own cost.
        using EndpointPair tuned = EndpointPair.Gateway(effort, model, isTuned: true);
        comparisons.Add(tuned.CompareThroughput($"{model.Name}, 64 connections, bare endpoint tuned alike", 64, budget: null));
        return comparisons;
    }

    /// <summary>The same beside what the bare endpoint and the bare run would make on one core if they shared it and cost each other nothing: the most there can be.</summary>
    private Comparison BesideEndpointAndRun(Effort effort, Comparison comparison)
    {
        (Series gateway, Series endpoint) = (comparison.Sides[0], comparison.Sides[1]);
        Series run = new(
            "bare run, best batch", "rows/s", [.. gateway.Rounds.Select(_ => BareRun.Measure(model, effort.Seconds, model.MaxBatchSize).Max(figure => figure.RowsPerSecond))]);
        Series both = new("bare endpoint and bare run", "inferences/s", [.. endpoint.Rounds.Zip(run.Rounds, (requests, rows) => 1 / ((1 / requests) + (1 / rows)))]);
        return new Comparison($"{comparison.Name}, beside both", Series.Ratio(gateway, both), Budget: null, [gateway, endpoint, run, both]);
    }
}
