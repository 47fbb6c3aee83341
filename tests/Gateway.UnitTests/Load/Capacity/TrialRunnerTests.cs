using Gateway.Load.Capacity;
using Gateway.Load.Machine;
using Gateway.Load.Results;
using Gateway.Load.Statistics;
using Gateway.UnitTests.Load.Engine;

namespace Gateway.UnitTests.Load.Capacity;

public class TrialRunnerTests
{
    [Fact]
    public void AtRate_SlowModelThatIsAble_HoldsAtOnce()
    {
        // Each answer takes two seconds, and the objective allows three: warm-up and trial must be longer than that.
        VirtualTrialLoad load = new(time => new SimulatedServer(time, 1000, () => 2));
        TrialRunner runner = new(load, "slow", new Objective(0.99, 3), seconds: 1);

        TrialResult trial = runner.AtRate(40, isCurve: false);

        Assert.True(trial.Holds);
        Assert.InRange(trial.ObjectiveMilliseconds, 1990, 2010);
        Assert.True(load.WarmUps[0] >= 3);
        Assert.True(trial.Seconds >= 15);
    }

    [Theory]
    [InlineData(1000, 0.99, 5)]
    [InlineData(100, 0.99, 20)]
    [InlineData(10, 0.99, 60)]
    [InlineData(100, 0.999, 60)]
    public void Length_Rate_IsLongEnoughForTwentyMissesUpToAMinute(double rate, double share, double seconds) =>
        Assert.Equal(seconds, new TrialRunner(new VirtualTrialLoad(time => new SimulatedServer(time, 1, () => 1)), "x", new Objective(share, 0.05), 5).Length(rate, isCurve: false), 6);

    [Fact]
    public void AtRate_ServerTooSlow_IsHopelessAndTheNextWaits()
    {
        VirtualTrialLoad load = new(time => new SimulatedServer(time, 1, () => 0.01));
        TrialRunner runner = new(load, "x", new Objective(0.99, 0.05), 5);

        TrialResult trial = runner.AtRate(300, isCurve: false);
        Assert.False(trial.Holds);
        Assert.NotNull(trial.Hopeless);
        Assert.Equal(0, load.Settled);

        Assert.True(runner.AtRate(20, isCurve: false).Holds);
        Assert.Equal(1, load.Settled);
        runner.AtRate(20, isCurve: false);
        Assert.Equal(1, load.Settled);
    }

    [Fact]
    public void AtRate_ClientIsLate_IsMadeAgainAndThenDoubted()
    {
        VirtualTrialLoad load = new(time => new SimulatedServer(time, 1, () => 0.01)) { Seen = result => result with { Lag = Late } };
        TrialRunner runner = new(load, "x", new Objective(0.99, 0.05), 5);

        runner.AtRate(300, isCurve: true);
        Assert.Null(runner.Doubt);
        Assert.Single(load.Simulations);

        runner.AtRate(300, isCurve: false);
        Assert.Contains("fell behind, 3 times", runner.Doubt);
        Assert.Equal(4, load.Simulations.Count);
    }

    [Theory]
    [InlineData(0.99, 1)]
    [InlineData(0.999, 3)]
    public void AtRate_ClientIsLateBeyondTheP99_CountsWhereTheObjectiveIsThere(double share, int stretches)
    {
        LatencyHistogram lag = new();
        for (int i = 0; i < 2000; i++) lag.Record(i < 1990 ? 10_000 : 30_000_000);
        VirtualTrialLoad load = new(time => new SimulatedServer(time, 1, () => 0.01)) { Seen = result => result with { Lag = lag.ToSparse() } };
        TrialRunner runner = new(load, "x", new Objective(share, 0.05), 5);

        Assert.False(runner.AtRate(110, isCurve: false).Holds);

        Assert.Equal(stretches, load.Simulations.Count);
        Assert.Equal(stretches == 3, runner.Doubt?.Contains("0.1 % of the calls were sent more than 30 ms late", StringComparison.Ordinal) ?? false);
    }

    [Theory]
    [InlineData(0.05, 0, 1)]
    [InlineData(0.2, 0, 3)]
    [InlineData(0, 0.02, 3)]
    public void AtRate_MissesWhileOthersUseTheMachine_IsMadeAgain(double others, double stolen, int stretches)
    {
        VirtualTrialLoad load = new(time => new SimulatedServer(time, 1, () => 0.01)) { Machine = _ => new Interference(2, 1, 0.1, 0.3, others, stolen) };
        TrialRunner runner = new(load, "x", new Objective(0.99, 0.05), 5);

        Assert.False(runner.AtRate(300, isCurve: false).Holds);

        Assert.Equal(stretches, load.Simulations.Count);
        Assert.Equal(stretches == 3, runner.Disturbance is not null);
        Assert.Null(runner.Doubt);
    }

    [Fact]
    public void AtRate_OthersWereThereOnce_TheNextOneCounts()
    {
        VirtualTrialLoad load = new(time => new SimulatedServer(time, 1, () => 0.01)) { Machine = stretch => new Interference(2, 1, 0.1, 0.3, stretch == 0 ? 0.5 : 0, 0) };
        TrialRunner runner = new(load, "x", new Objective(0.99, 0.05), 5);

        Assert.True(runner.AtRate(20, isCurve: false).Holds);

        Assert.Equal(2, load.Simulations.Count);
        Assert.Null(runner.Disturbance);
    }

    [Theory]
    [InlineData(256, false)]
    [InlineData(4, true)]
    public void IsShortOfConnections_WindowThatTheServerDoesNotGive_IsNoRoom(int allowed, bool isShort)
    {
        // 300 calls a second may take 50 ms each: 15 at a time.
        VirtualTrialLoad load = new(time => new SimulatedServer(time, 1, () => 0.01)) { Seen = result => result with { Window = allowed } };
        TrialRunner runner = new(load, "x", new Objective(0.99, 0.05), 5);
        runner.Saturate(new Callers(1, 256, 16, MayGrow: false));

        Assert.Equal(isShort, runner.IsShortOfConnections(runner.AtRate(300, isCurve: true) with { MostWaiting = 5 }));
    }

    [Fact]
    public void AtRate_InstancesKnown_BusyIsAShare()
    {
        VirtualTrialLoad load = new(time => new SimulatedServer(time, 8, () => 0.001))
        {
            Metrics = result => new ServerResult("", 0.5, InstancesBusy: 1.8, 4, [new ServerStage("queue", 3)], [], [], []) { Instances = 4 },
        };

        TrialResult trial = new TrialRunner(load, "x", new Objective(0.99, 0.05), 5).AtRate(300, isCurve: false);

        Assert.Equal((0.45, 4, 3.0), (trial.InstancesBusy, trial.Instances, trial.QueueMilliseconds));
    }

    internal static SparseHistogram Late { get; } = Make();

    private static SparseHistogram Make()
    {
        LatencyHistogram histogram = new();
        for (int i = 0; i < 1000; i++) histogram.Record(30_000_000);
        return histogram.ToSparse();
    }
}
