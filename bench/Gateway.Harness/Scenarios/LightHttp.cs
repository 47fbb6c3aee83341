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
        using EndpointPair pair = EndpointPair.Gateway(effort, model);
        return [.. new[] { 16, 64 }.Select(connections => pair.CompareThroughput($"{model.Name}, {connections} connections", connections, Ratio))];
    }
}
