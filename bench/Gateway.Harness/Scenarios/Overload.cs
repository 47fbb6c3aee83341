using System.Net;
using Gateway.Harness.Load;
using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects;

namespace Gateway.Harness.Scenarios;

/// <summary>More than the server can do: how much of what it can do is answered within its deadline, and how soon the others are told.</summary>
/// <remarks>
/// Capacity is what a closed loop over the same frames gets. Deadlines are three times what a best batch takes at that rate; the server is told nine tenths of
/// them, the rest being for the way there and back. Calls come at random times, as many as the load says, whatever became of those before.
/// </remarks>
/// <param name="fixedDeadline">Instead of three batches.</param>
internal sealed class Overload(BenchModel model, TimeSpan? fixedDeadline = null) : IScenario
{
    private const double DeadlineBatches = 3;
    private const double SharePassedOn = 0.9;
    private const double AtCapacity = 1;

    private static readonly double[] Loads = [0.3, 0.9, 1.2, 2, 3];

    // From design.md, "Budgets".
    private static readonly Budget Goodput = Budget.AtLeast(0.95);

    public string Name => fixedDeadline is { } time ? $"overload-{model.Name}-{time.TotalMilliseconds:0}ms" : $"overload-{model.Name}";

    public string Summary => $"calls of {model.Name} at 30 to 300 % of capacity with deadlines of {(fixedDeadline is { } time ? $"{time.TotalMilliseconds:0} ms" : $"{DeadlineBatches} batches")}: answers in time ÷ capacity";

    public IReadOnlyList<Comparison> Measure(Effort effort)
    {
        using ServerProcess server = effort.Programs.StartGateway(BenchModel.Repository, out int metricsPort, out IPEndPoint frames);
        FrameExchange plain = FrameExchange.For(model);
        double most = Capacity(effort.WarmUpSeconds);
        double bestRows = MetricsPage.Read(metricsPort, $"gateway_best_batch_rows{{model=\"{model.Name}\"");
        TimeSpan deadline = fixedDeadline ?? TimeSpan.FromSeconds(DeadlineBatches * bestRows / most);
        FrameExchange exchange = FrameExchange.For(model, timeoutMicroseconds: (long)(SharePassedOn * deadline.TotalMicroseconds));
        double[] capacity = new double[effort.Rounds];
        OpenLoopResult[][] results = [.. Loads.Select(_ => new OpenLoopResult[effort.Rounds])];
        for (int round = 0; round < effort.Rounds; round++)
        {
            capacity[round] = Capacity(effort.Seconds);
            for (int i = 0; i < Loads.Length; i++)
            {
                results[i][round] = OpenLoop.Run(frames, exchange, Loads[i] * capacity[round], deadline, effort.Seconds, round, () => server.CpuTime);
            }
        }

        return [.. Loads.Select((load, i) => Compare(load, deadline, capacity, results[i]))];

        double Capacity(double seconds) => FrameLoop.Run(frames, plain, connections: 16, window: 32, seconds, () => server.CpuTime, out _).PerSecond;
    }

    private Comparison Compare(double load, TimeSpan deadline, double[] capacity, OpenLoopResult[] results)
    {
        Series inTime = new("in time", "/s", [.. results.Select(result => result.InTime)]);
        Series possible = load < AtCapacity
            ? new Series("offered", "/s", [.. results.Select(result => result.Offered)])
            : new Series("capacity", "/s", capacity);
        return new Comparison(
            FormattableString.Invariant($"{model.Name}, {load:P0} of capacity, deadline {deadline.TotalMilliseconds:0.00} ms"),
            Series.Ratio(inTime, possible),
            Goodput,
            [
                inTime,
                possible,
                new Series("late", "/s", [.. results.Select(result => result.Late)]),
                new Series("refused", "/s", [.. results.Select(result => result.Refused)]),
                new Series("unsent", "/s", [.. results.Select(result => result.Unsent)]),
                new Series("answers p50", "µs", [.. results.Select(result => result.P50Microseconds)]),
                new Series("answers p99", "µs", [.. results.Select(result => result.P99Microseconds)]),
                new Series("refusals p50", "µs", [.. results.Select(result => result.RefusalP50Microseconds)]),
                new Series("refusals p99", "µs", [.. results.Select(result => result.RefusalP99Microseconds)]),
                new Series("server busy", "", [.. results.Select(result => result.ServerBusy)]),
            ],
            results);
    }
}
