using Gateway.Load.Carriers;
using Gateway.Load.Engine;
using Gateway.Load.Running;
using Gateway.Load.Scenarios;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Load.Engine;

/// <summary>What a worker publishes of the thresholds that may end a run.</summary>
public class ThresholdMissesTests
{
    private static readonly LoadSimulation Hundred = new(SimulationKind.Inject, 10) { Rate = 100, Arrivals = ArrivalKind.Constant };

    [Theory]
    [InlineData("errors < 1% or stop", CallOutcome.Failed, 300)]
    [InlineData("refused < 1% or stop", CallOutcome.Refused, 300)]
    [InlineData("refused < 1% or stop", CallOutcome.Failed, 0)]
    [InlineData("p99 < 1s or stop", CallOutcome.Failed, 300)]
    [InlineData("p99 < 1s or stop", CallOutcome.Refused, 0)]
    [InlineData("max < 1s or stop", CallOutcome.Failed, 300)]
    internal void Of_EveryCallAfterTheWarmUpCounts_AndNoneBefore(string text, CallOutcome outcome, long misses)
    {
        // All of the first five seconds go wrong, of which two are the warm-up.
        ManualTimeProvider time = new();
        long start = time.GetTimestamp();
        SimulatedServer server = new(time, 10, () => 0.001) { Answers = _ => time.GetTimestamp() - start < 5 * time.TimestampFrequency ? outcome : CallOutcome.Ok };

        Assert.Equal([misses], Run(time, server, text).Tally.Misses);
    }

    [Fact]
    public void Of_Latencies_CountsThoseBeyondTheLimit()
    {
        ManualTimeProvider time = new();
        int calls = 0;
        SimulatedServer server = new(time, 100, () => calls++ % 10 == 0 ? 0.3 : 0.1);

        Assert.Equal([80, 0, 1, 0, 80], Run(time, server, "p99 < 200ms or stop", "p50 <= 400ms or stop", "max < 200ms or stop", "max < 400ms or stop", "late < 1% or stop").Tally.Misses);
    }

    [Fact]
    public void Of_LatenciesAtTheLimit_AreBeyondItOnlyIfTheLargestIs()
    {
        // 200 ms lies below the middle of its bucket.
        ManualTimeProvider time = new();

        Assert.Equal([0, 800], Run(time, new SimulatedServer(time, 100, () => 0.2), "p99 < 200.01ms or stop", "p99 < 199ms or stop").Tally.Misses);
    }

    [Fact]
    public void PlannedCalls_OpenModel_AreThoseThatAreOffered()
    {
        ScenarioPlan plan = VirtualLoad.Scenario(Hundred with { Arrivals = ArrivalKind.Poisson }, new LoadSimulation(SimulationKind.Pause, 1), new LoadSimulation(SimulationKind.Replay, 1) { Times = [0, 0.5, 2] }) with { WarmUpSeconds = 2, Seed = 11 };
        ManualTimeProvider time = new();
        LoadWorker worker = VirtualLoad.Run(time, new SimulatedServer(time, 10, () => 0.001), VirtualLoad.Plan with { WarmUpSeconds = 2 }, 11, [.. plan.Simulations]);

        Assert.InRange(worker.Tally.Offered, 700, 900);
        Assert.Equal(worker.Tally.Offered, PlannedCalls.Of(plan));
        Assert.Equal(long.MaxValue, PlannedCalls.Of(VirtualLoad.Scenario(Hundred, new LoadSimulation(SimulationKind.KeepConstant, 1) { Copies = 1 })));
    }

    private static LoadWorker Run(ManualTimeProvider time, SimulatedServer server, params string[] thresholds)
    {
        Threshold[] ending = [.. thresholds.Select(text => Threshold.TryParse(text, out Threshold? threshold, out string problem) ? threshold : throw new ArgumentException(problem))];
        return VirtualLoad.Run(time, server, VirtualLoad.Plan with { WarmUpSeconds = 2, DeadlineSeconds = 0.2, EndingThresholds = ending }, Hundred);
    }
}
