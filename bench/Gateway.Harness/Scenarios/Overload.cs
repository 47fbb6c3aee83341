using System.Net;
using Gateway.Harness.Load;
using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects;

namespace Gateway.Harness.Scenarios;

/// <summary>More than the server can do: how much of what it can do is answered within its deadline, how soon the others are told, and what the simulator says of the same.</summary>
/// <remarks>
/// Capacity is what a closed loop over the same frames gets. Deadlines are fixed, so that a change of the server's own mind does not move the goal; the server is told nine tenths of
/// them, the rest being for the way there and back. Calls come at random times, as many as the load says, whatever became of those before.
/// </remarks>
internal sealed class Overload(BenchModel model, TimeSpan deadline, Traffic traffic = Traffic.Steady) : IScenario
{
    private const double SharePassedOn = 0.9;
    private const double AtCapacity = 1;
    private const double TightShare = 0.2;
    private const double TightPart = 0.25;
    private const int Retries = 3;

    // A stall and an overload last seconds, and so does what comes after.
    private const double LongerBy = 4;
    private const double StallFactor = 20;
    private const double StallFrom = 0.25;
    private const double StallTo = 0.55;
    private const double StallCounted = 0.8;

    // Of a GPU: 4 ms and 0.12 ms a row.
    private const int BaseMicroseconds = 4000;
    private const int RowMicroseconds = 120;

    // From design.md, "Budgets".
    private static readonly Budget Goodput = Budget.AtLeast(0.95);

    // Most refusals are to be there within so much of the deadline, and need be no sooner than that: from scheduling.md, section 8, which counts from the request's head on the server. Here
    // the way there and back is in it.
    private const double RefusalShare = 0.01;
    private const double LeastRefusalMicroseconds = 50;
    private const double Overloaded = 1.2;

    private readonly double[] _loads = traffic is Traffic.Recovery or Traffic.Stall ? [0.7] : [0.3, 0.9, 1.2, 2, 3];

    public string Name => FormattableString.Invariant($"overload-{model.Name}-{deadline.TotalMilliseconds:0}ms{(traffic == Traffic.Steady ? "" : $"-{traffic.ToString().ToLowerInvariant()}")}");

    public string Summary => FormattableString.Invariant($"calls of {model.Name} ({traffic.ToString().ToLowerInvariant()}) at {_loads[0]:P0} to {_loads[^1]:P0} of capacity, deadline {deadline.TotalMilliseconds:0} ms: answers in time ÷ capacity, beside the simulator's");

    private bool IsLong => traffic is Traffic.Recovery or Traffic.Stall;

    public IReadOnlyList<Comparison> Measure(Effort effort)
    {
        using TimedRepository? timed = model == BenchModel.GpuLike ? new TimedRepository(model, BaseMicroseconds, RowMicroseconds) : null;
        Programs programs = timed is null ? effort.Programs : new Programs(TimedFleet.Program);
        using ServerProcess server = programs.StartGateway(timed?.Path ?? BenchModel.Repository, out int metricsPort, out IPEndPoint frames);
        FrameExchange plain = FrameExchange.For(model);
        Capacity(effort.WarmUpSeconds);
        double[] capacity = new double[effort.Rounds];
        OpenLoopResult[][] results = [.. _loads.Select(_ => new OpenLoopResult[effort.Rounds])];
        SimulatedFigure simulated = new(model);
        for (int round = 0; round < effort.Rounds; round++)
        {
            capacity[round] = Capacity(effort.Seconds);
            simulated.Learn(metricsPort, capacity[round]);
            for (int i = 0; i < _loads.Length; i++) results[i][round] = Run(server, frames, timed, _loads[i] * capacity[round], simulated.BatchSeconds, (IsLong ? LongerBy : 1) * effort.Seconds, round);
        }

        return [.. _loads.Select((load, i) => Compare(load, capacity, results[i], simulated)), .. _loads.Zip(results).Where(each => each.First >= Overloaded && traffic == Traffic.Steady).Select(each => CompareRefusals(each.First, each.Second))];

        double Capacity(double seconds) => FrameLoop.Run(frames, plain, connections: 16, window: 32, seconds, () => server.CpuTime, out _).PerSecond;
    }

    private OpenLoopResult Run(ServerProcess server, IPEndPoint frames, TimedRepository? timed, double perSecond, double batchSeconds, double seconds, int seed)
    {
        OfferedLoad load = new(perSecond, traffic == Traffic.Mixed ? [Class(TightPart, TightShare), Class(1, 1 - TightShare)] : [Class(1, 1)])
        {
            BurstSeconds = traffic == Traffic.Bursty ? SimulatedFigure.BatchesABurst * batchSeconds : 0,
            Retries = traffic is Traffic.Retrying or Traffic.Recovery ? Retries : 0,
            OverTime = traffic == Traffic.Recovery ? SimulatedFigure.OverloadInTheMiddle : null,
            LeadIn = LeadIn(seconds),
        };
        using Timer? slow = After(StallFrom, StallFactor);
        using Timer? fast = After(StallTo, 1);
        return OpenLoop.Run(frames, load, seconds, seed, () => server.CpuTime);

        Timer? After(double share, double factor) =>
            traffic == Traffic.Stall ? new Timer(_ => timed!.SlowDown(factor), null, TimeSpan.FromSeconds(share * seconds), Timeout.InfiniteTimeSpan) : null;
    }

    private OfferedClass Class(double part, double share) => new(FrameExchange.For(model, timeoutMicroseconds: (long)(SharePassedOn * part * deadline.TotalMicroseconds)), part * deadline, share);

    private double LeadIn(double seconds) => traffic switch
    {
        Traffic.Recovery => (2 / 3.0) + (6 * deadline.TotalSeconds / seconds),
        Traffic.Stall => StallCounted,
        _ => 0.2,
    };

    private Comparison Compare(double load, double[] capacity, OpenLoopResult[] results, SimulatedFigure simulated)
    {
        Series inTime = new("in time", "/s", [.. results.Select(result => result.InTime)]);
        Series possible = load < AtCapacity
            ? new Series("offered", "/s", [.. results.Select(result => result.Offered)])
            : new Series("capacity", "/s", capacity);
        Series[] ofClasses = traffic == Traffic.Mixed
            ? [.. new[] { "tight served", "loose served" }.Select((name, i) => new Series(name, "", [.. results.Select(result => result.ServedByClass[i])]))]
            : [];
        return new Comparison(
            Case(load),
            Series.Ratio(inTime, possible),
            traffic is Traffic.Steady or Traffic.Recovery or Traffic.Stall ? Goodput : null,
            [
                new Series("simulated", "", [simulated.Of(load, deadline, traffic, TightPart, TightShare, Retries)]),
                inTime,
                possible,
                .. ofClasses,
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

    private Comparison CompareRefusals(double load, OpenLoopResult[] results) => new(
        $"{Case(load)}, refusals",
        new Series("refusals p99", "µs", [.. results.Select(result => result.RefusalP99Microseconds)]),
        Budget.AtMost(Math.Max(RefusalShare * deadline.TotalMicroseconds, LeastRefusalMicroseconds)),
        [new Series("refused", "/s", [.. results.Select(result => result.Refused)])]);

    private string Case(double load) => FormattableString.Invariant($"{model.Name}, {load:P0} of capacity, deadline {deadline.TotalMilliseconds:0.00} ms, {traffic.ToString().ToLowerInvariant()}");
}
