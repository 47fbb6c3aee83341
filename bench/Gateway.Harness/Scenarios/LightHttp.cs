using Gateway.Harness.Models;
using Gateway.Harness.Results;

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

        comparisons.Add(BesideBoth.Compare(effort, model, comparisons[^1].Name, comparisons[^1].Sides[0], comparisons[^1].Sides[1], model.MaxBatchSize));

        // What remains when the gateway's better settings of the same server do not count: the gateway's own cost.
        using EndpointPair tuned = EndpointPair.Gateway(effort, model, isTuned: true);
        comparisons.Add(tuned.CompareThroughput($"{model.Name}, 64 connections, bare endpoint tuned alike", 64, budget: null));
        return comparisons;
    }
}
