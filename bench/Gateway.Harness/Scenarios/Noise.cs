using Gateway.Harness.Models;
using Gateway.Harness.Results;

namespace Gateway.Harness.Scenarios;

/// <summary>The harness measured with itself: two bare endpoints, whose ratio should be 1. Its spread is what no other ratio can be trusted beyond.</summary>
internal sealed class Noise : IScenario
{
    public string Name => "noise";

    public string Summary => "the bare Kestrel endpoint ÷ another of the same: how far a ratio can be trusted, and how many requests the client can offer";

    public IReadOnlyList<Comparison> Measure(Effort effort)
    {
        using EndpointPair pair = EndpointPair.Twins(effort, BenchModel.Mlp);
        return [.. new[] { 1, 16, 64 }.Select(connections => pair.CompareThroughput($"{connections} connections", connections, budget: null))];
    }
}
