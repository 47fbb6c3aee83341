using Gateway.Harness.Load;
using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects;

namespace Gateway.Harness.Scenarios;

/// <summary>One, two and three gateways, of which all clients call the first: how much of what all of them can do is answered within its deadline.</summary>
/// <remarks>Their model waits instead of computing, so capacity is known beforehand and one machine can hold them all. Deadlines are four batches.</remarks>
internal sealed class Fleet : IScenario
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMilliseconds(150);

    // From design.md, "Budgets".
    private static readonly Budget Goodput = Budget.AtLeast(0.95);
    private static readonly double[] Loads = [0.7, 1.2, 3];

    public string Name => "fleet";

    public string Summary => "one to three gateways, all calls to the first, at 70, 120 and 300 % of what all can do: answers in time ÷ capacity";

    public IReadOnlyList<Comparison> Measure(Effort effort)
    {
        List<Comparison> comparisons = [];
        FrameExchange exchange = FrameExchange.For(BenchModel.Timed, timeoutMicroseconds: (long)(0.97 * Deadline.TotalMicroseconds));
        foreach (int servers in (int[])[1, 2, 3])
        {
            using TimedFleet fleet = new(servers);
            double capacity = servers * TimedFleet.CapacityOfOne;
            OpenLoop.Run(fleet.Frames, exchange, capacity, Deadline, 3 * effort.WarmUpSeconds, seed: 0, () => fleet.CpuTime);
            foreach (double load in Loads)
            {
                double before = Forwarded(fleet);
                OpenLoopResult[] results = [.. Enumerable.Range(0, effort.Rounds).Select(round => OpenLoop.Run(fleet.Frames, exchange, load * capacity, Deadline, effort.Seconds, round, () => fleet.CpuTime))];
                double forwarded = (Forwarded(fleet) - before) / (effort.Rounds * effort.Seconds);
                comparisons.Add(Compare(servers, load, capacity, forwarded, results));
            }
        }

        return comparisons;
    }

    private static double Forwarded(TimedFleet fleet) => MetricsPage.Read(fleet.MetricsPort, "gateway_overflow_decisions_total{decision=\"forward\"");

    private static Comparison Compare(int servers, double load, double capacity, double forwarded, OpenLoopResult[] results)
    {
        Series inTime = new("in time", "/s", [.. results.Select(result => result.InTime)]);
        Series possible = load < 1
            ? new Series("offered", "/s", [.. results.Select(result => result.Offered)])
            : new Series("capacity", "/s", [.. results.Select(_ => capacity)]);
        return new Comparison(
            FormattableString.Invariant($"{servers} servers, {load:P0} of their capacity, deadline {Deadline.TotalMilliseconds:0} ms"),
            Series.Ratio(inTime, possible),
            Goodput,
            [
                inTime,
                possible,
                new Series("sent to others", "/s", [forwarded]),
                new Series("late", "/s", [.. results.Select(result => result.Late)]),
                new Series("refused", "/s", [.. results.Select(result => result.Refused)]),
                new Series("answers p50", "µs", [.. results.Select(result => result.P50Microseconds)]),
                new Series("answers p99", "µs", [.. results.Select(result => result.P99Microseconds)]),
                new Series("refusals p50", "µs", [.. results.Select(result => result.RefusalP50Microseconds)]),
                new Series("servers busy", "", [.. results.Select(result => result.ServerBusy)]),
            ],
            results);
    }
}
