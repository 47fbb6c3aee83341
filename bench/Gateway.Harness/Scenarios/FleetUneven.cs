using Gateway.Harness.Load;
using Gateway.Harness.Models;
using Gateway.Harness.Results;

namespace Gateway.Harness.Scenarios;

/// <summary>One of three replicas five times slower, at a load that all can bear together: what each way of spreading it answers in time, and its p99, beside round robin's.</summary>
/// <remarks>All by the same door, which has no model: by overflow, and as proxied routes by predicted completion and by YARP's own policies. Ways take turns, so that a drift of the machine favours none.</remarks>
internal sealed class FleetUneven : IScenario
{
    private const double Load = 0.72;
    private const string Overflow = "overflow";
    private const string Baseline = "RoundRobin";
    private static readonly string[] Policies = ["PredictedCompletion", Baseline, "LeastRequests", "PowerOfTwoChoices"];
    private static readonly TimeSpan Deadline = TimeSpan.FromMilliseconds(250);

    public string Name => "fleet-uneven";

    public string Summary => "one of three replicas five times slower, 72 % of what all can do: answers in time ÷ offered, and p99, by overflow and by each policy of proxied routes";

    public IReadOnlyList<Comparison> Measure(Effort effort)
    {
        using UnevenFleet fleet = new(Policies);
        string[] ways = [Overflow, .. Policies];
        foreach (string way in ways) Run(way, effort.WarmUpSeconds, seed: 0);
        OpenLoopResult[][] results = [.. ways.Select(_ => new OpenLoopResult[effort.Rounds])];
        for (int round = 0; round < effort.Rounds; round++)
        {
            for (int i = 0; i < ways.Length; i++)
            {
                int way = (i + round) % ways.Length;
                results[way][round] = Run(ways[way], effort.Seconds, round);
            }
        }

        OpenLoopResult[] baseline = results[Array.IndexOf(ways, Baseline)];
        return [.. ways.Select((way, i) => Compare(way, results[i], baseline))];

        OpenLoopResult Run(string way, double seconds, int seed) =>
            HttpOpenLoop.Run(way == Overflow ? fleet.Overflow : fleet.RouteOf(way), BenchModel.Timed.InputElements, Load * UnevenFleet.Capacity, Deadline, seconds, seed, () => fleet.CpuTime);
    }

    private static Comparison Compare(string way, OpenLoopResult[] results, OpenLoopResult[] baseline)
    {
        Series inTime = new("in time", "/s", [.. results.Select(result => result.InTime)]);
        Series offered = new("offered", "/s", [.. results.Select(result => result.Offered)]);
        return new Comparison(
            FormattableString.Invariant($"{way}, one of three {UnevenFleet.Slowness} times slower, {Load:P0} of their capacity, deadline {Deadline.TotalMilliseconds:0} ms"),
            Series.Ratio(inTime, offered),
            Budget: null,
            [
                inTime,
                offered,
                new Series("answers p50", "µs", [.. results.Select(result => result.P50Microseconds)]),
                new Series("answers p99", "µs", [.. results.Select(result => result.P99Microseconds)]),
                new Series($"{Baseline}'s p99", "µs", [.. baseline.Select(result => result.P99Microseconds)]),
                new Series("late", "/s", [.. results.Select(result => result.Late)]),
                new Series("refused", "/s", [.. results.Select(result => result.Refused)]),
                new Series("client busy", "", [.. results.Select(result => result.ClientBusy)]),
                new Series("servers busy", "", [.. results.Select(result => result.ServerBusy)]),
            ],
            results);
    }
}
