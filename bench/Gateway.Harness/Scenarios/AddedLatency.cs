using Gateway.Harness.Load;
using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects;

namespace Gateway.Harness.Scenarios;

/// <summary>One request at a time: what the gateway adds to the time of the bare endpoint and of the model's run.</summary>
internal sealed class AddedLatency : IScenario
{
    // From design.md, "Budgets".
    private static readonly Budget Added = Budget.AtMost(25);

    public string Name => "added-p50";

    public string Summary => "p50 of mlp, one request at a time, beyond the p50 of the bare Kestrel endpoint and of the bare run, in µs";

    public IReadOnlyList<Comparison> Measure(Effort effort)
    {
        using EndpointPair pair = EndpointPair.Gateway(effort, BenchModel.Mlp);
        (LoadResult[] server, LoadResult[] bare) = pair.Measure(connections: 1);
        Series gateway = new("gateway p50", "µs", [.. server.Select(result => result.P50Microseconds)]);
        Series endpoint = new("bare endpoint p50", "µs", [.. bare.Select(result => result.P50Microseconds)]);
        Series run = new("bare run of one row", "µs", [.. server.Select(_ => BareRun.Measure(BenchModel.Mlp, effort.Seconds, mostRows: 1)[0].RunMicroseconds)]);
        Series added = new("added", "µs", [.. gateway.Rounds.Select((p50, round) => p50 - endpoint.Rounds[round] - run.Rounds[round])]);
        return [new Comparison("mlp, 1 connection", added, Added, [gateway, endpoint, run], new { server, bare })];
    }
}
