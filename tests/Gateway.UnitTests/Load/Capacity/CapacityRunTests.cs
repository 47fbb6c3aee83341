using Gateway.Load.Capacity;
using Gateway.Load.Machine;
using Gateway.Load.Results;
using Gateway.TestSupport;
using Gateway.UnitTests.Load.Engine;

namespace Gateway.UnitTests.Load.Capacity;

/// <summary>The whole search, against queues whose knee is known, in virtual time.</summary>
public class CapacityRunTests
{
    private static readonly Objective Objective = new(0.99, 0.05);

    // M/M/1 at 1,000 a second: 99 % within 50 ms up to 1000 − ln(100)/0.05.
    private static readonly double Knee = 1000 - (Math.Log(100) / 0.05);

    [Fact]
    public void Measure_QueueWhoseKneeIsKnown_FindsIt()
    {
        CapacityRun run = Run(new VirtualTrialLoad(Queue()), 3);

        CapacityOf found = run.Measure(Fixed(64), 0);

        Assert.Null(run.Doubt);
        Assert.Null(run.Partial);
        Assert.Equal(3, found.Knees.Count);
        Assert.All(found.Knees, knee => Assert.InRange(knee, Knee * 0.93, Knee * 1.04));
        Assert.True(found.Spread < 0.1);
        Assert.InRange(found.Saturation, 950, 1050);
        Assert.False(found.IsAtLeast);
        Assert.Equal(6, found.Trials.Count(trial => trial.IsCurve && trial.Rate > 0));
        Assert.All(found.Trials.Where(trial => trial.Rate > 0 && trial.ObjectiveMost > 0), trial => Assert.InRange(trial.ObjectiveMilliseconds, trial.ObjectiveLeast, trial.ObjectiveMost));
    }

    [Fact]
    public void Measure_ClientSlowerThanTheServer_SaysAtLeast()
    {
        CapacityOf found = Run(new VirtualTrialLoad(Queue()) { Client = _ => 500 }, 1).Measure(Fixed(64), 0);

        Assert.Equal(500, found.Knee);
        Assert.True(found.IsAtLeast);
        Assert.StartsWith("≥ 500", found.KneeText);
        Assert.StartsWith("the client", found.Limit);
        Assert.Contains("the server's knee is at least 500/s", Assert.Single(found.Warnings, warning => !warning.Contains("saturated", StringComparison.Ordinal)));
        Assert.Equal(500, found.ClientRate);
        Assert.StartsWith("≥ ", found.SaturationText);
        Assert.Contains("makes 500/s over 64 connections against a server that does nothing", Assert.Single(found.Warnings, warning => warning.Contains("x: saturated it does at least", StringComparison.Ordinal)));
    }

    [Fact]
    public void Measure_ClientBusyWhereTheServerIsSaturated_SaysAtLeastOfThatAlone()
    {
        CapacityOf found = Run(new VirtualTrialLoad(Queue()) { Seen = result => result.IsOpen ? result : result with { ClientBusy = 0.97 } }, 1).Measure(Fixed(64), 0);

        Assert.Equal((false, true), (found.IsAtLeast, found.IsSaturationAtLeast));
        Assert.Contains("saturated it does at least", Assert.Single(found.Warnings));
        Assert.False(Run(new VirtualTrialLoad(Queue()), 1).Measure(Fixed(64), 0).IsSaturationAtLeast);
    }

    [Fact]
    public void Measure_ServerGoesAway_KeepsTheKneesFound()
    {
        CapacityRun run = Run(new VirtualTrialLoad(Queue()) { EndsAfter = 20 }, 5);

        CapacityOf found = run.Measure(Fixed(64), 0);

        Assert.Contains("closed the connection", run.Partial);
        Assert.NotEmpty(found.Knees);
        Assert.InRange(found.Knee, Knee * 0.9, Knee * 1.05);
    }

    [Fact]
    public void Measure_StoppedBeforeTheFirstKnee_IsNotFoundRatherThanNone()
    {
        CapacityRun run = Run(new VirtualTrialLoad(Queue()) { StopsAfter = 4 }, 3);

        CapacityOf found = run.Measure(Fixed(64), 0);

        Assert.Equal("stopped before its end", run.Partial);
        Assert.Equal(("not found", 0.0), (found.KneeText, found.Knee));
        Assert.InRange(found.Saturation, 950, 1050);
    }

    [Fact]
    public void Measure_NothingHolds_IsNone()
    {
        CapacityOf found = Run(new VirtualTrialLoad(time => new SimulatedServer(time, 100, () => 0.06)), 3).Measure(Fixed(16), 0);

        Assert.Equal("none", found.KneeText);
        Assert.Single(found.Knees);
    }

    [Fact]
    public void Measure_WhatLimits_IsReadBesideTheKneeAndNotSaturated()
    {
        // Saturated, all CPU is used up; where the objective ends, it is the queue before one busy instance of four.
        VirtualTrialLoad load = new(Queue())
        {
            Metrics = result => result.IsOpen
                ? new ServerResult("", 0.9, 1.2, 4, [new ServerStage("queue", 30)], [], [], []) { Instances = 4 }
                : new ServerResult("", 2, 1.2, 4, [new ServerStage("queue", 1)], [], [], []) { Instances = 4 },
        };

        CapacityOf found = Run(load, 1).Measure(Fixed(64), 2);

        Assert.StartsWith("the queue", found.Limit);
        Assert.Contains("4 model instances busy 30 %", found.Limit);
    }

    [Fact]
    public void Measure_FewMissesAllowed_Warns()
    {
        // 2 calls a second at p99: a minute has one miss.
        CapacityOf found = new CapacityRun(new VirtualTrialLoad(time => new SimulatedServer(time, 1, () => 0.3)) { Client = _ => 1000 }, "x", new Objective(0.99, 1), 1, 1, new SilentDisplay()).Measure(Fixed(4), 0);

        Assert.InRange(found.Knee, 0.5, 3);
        Assert.Contains("too few to be sure of", Assert.Single(found.Warnings));
    }

    [Fact]
    public void Measure_ServerThatTakesManyCallsAtATime_IsGivenConnectionsUntilMoreDoNotHelp()
    {
        // As a device that takes 256 rows in 100 ms: 2,560 a second, of which 64 connections see 640.
        VirtualTrialLoad load = Device();

        CapacityOf found = new CapacityRun(load, "http", new Objective(0.99, 0.3), 5, 1, new SilentDisplay()).Measure(new Callers(64, 1, 64, MayGrow: true), 2);

        Assert.Equal([64, 64, 128, 256, 512], load.Connections.Take(5));
        Assert.All(load.Connections.Skip(5), connections => Assert.Equal(512, connections));
        Assert.Equal(512, found.Connections);
        Assert.InRange(found.Knee, 2300, 2600);
        Assert.False(found.IsAtLeast);
        Assert.DoesNotContain("client", found.Limit);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Measure_OthersDisturbTrials_FindsItWithinTenPercentAllTheSame(int seed)
    {
        // Three trials of ten have a second in which others have the machine, and the server does nothing.
        Random random = new(seed);
        CapacityRun run = Run(new VirtualTrialLoad(Queue()) { Machine = _ => Of(others: random.NextDouble() < 0.3 ? 0.5 : 0) }, 3);

        CapacityOf found = run.Measure(Fixed(64), 0);

        Assert.All(found.Knees, knee => Assert.InRange(knee, Knee * 0.9, Knee * 1.1));
        Assert.True(found.Spread < 0.1);
        Assert.Null(run.Doubt);
    }

    [Fact]
    public void Measure_OthersAreAlwaysThere_Warns()
    {
        CapacityRun run = Run(new VirtualTrialLoad(Queue()) { Machine = _ => Of(others: 0.5) }, 1);

        CapacityOf found = run.Measure(Fixed(64), 0);

        Assert.Contains(found.Warnings, warning => warning.Contains("missed, 3 times, while others used the machine: other processes had 0.5 cores", StringComparison.Ordinal));
        Assert.Null(run.Doubt);
    }

    [Fact]
    public void Measure_MachineFullOfTheClientToo_SaysAtLeastAndAnotherMachine()
    {
        // Of two cores the client has half a one; with --server-cores the server has its own, and what others do is not in its way.
        VirtualTrialLoad Load() => new(Queue())
        {
            Metrics = _ => new ServerResult("", 1.4, 0.9, 4, [], [], [], []) { Instances = 1 },
            Machine = _ => new Interference(2, 1.96, 0.5, 1.4, 0.02, 0),
        };

        CapacityOf found = Run(Load(), 1).Measure(Fixed(64), 0);
        CapacityOf pinned = Run(Load(), 1).Measure(Fixed(64), 1.5);

        Assert.Equal("the machine: all 2 cores busy: server 1.4, client 0.5, others 0.02 (the model instance busy 90 %)", found.Limit);
        Assert.True(found.IsAtLeast);
        Assert.Contains(found.Warnings, warning => warning.Contains("put the client on another machine", StringComparison.Ordinal));
        Assert.False(pinned.IsAtLeast);
        Assert.StartsWith("the device", pinned.Limit);
    }

    [Fact]
    public void Measure_ClientSlowerOverMoreConnections_IsAskedAgain()
    {
        // Fast over 64 connections; over the 512 that the device needs it does hardly as much as that.
        VirtualTrialLoad load = new((time, connections) => new SimulatedServer(time, 256, () => 0.1) { Room = connections }) { Client = connections => connections > 64 ? 2000 : 50_000 };

        CapacityOf found = new CapacityRun(load, "http", new Objective(0.99, 0.3), 5, 1, new SilentDisplay()).Measure(new Callers(64, 1, 64, MayGrow: true), 2);

        Assert.Equal((2000.0, true), (found.Knee, found.IsAtLeast));
        Assert.StartsWith("the client: it makes 2,000/s", found.Limit);
    }

    [Theory]
    [InlineData(64, 640)]
    [InlineData(1024, 2560)]
    public void Measure_ConnectionsByHand_AreTheLimitWhereCallsWaitedForThem(int connections, double capacity)
    {
        VirtualTrialLoad load = Device();

        CapacityOf found = new CapacityRun(load, "http", new Objective(0.99, 0.3), 5, 1, new SilentDisplay()).Measure(new Callers(connections, 1, connections, MayGrow: false), 2);

        bool isShort = capacity < 2560;
        Assert.All(load.Connections, each => Assert.Equal(connections, each));
        Assert.InRange(found.Knee, capacity * 0.9, capacity * 1.02);
        Assert.Equal(isShort, found.IsAtLeast);
        Assert.Equal(isShort, found.Limit == "the client: 64 connections (--connections)");
        Assert.Equal(isShort, found.Warnings.Any(warning => warning.Contains("(--connections)", StringComparison.Ordinal)));
    }

    [Fact]
    public void Measure_MostConnectionsAreTooFew_SaysAtLeast()
    {
        CapacityOf found = new CapacityRun(Device(4096), "http", new Objective(0.99, 0.3), 1, 1, new SilentDisplay()).Measure(new Callers(64, 1, 64, MayGrow: true), 2);

        Assert.Equal(1024, found.Connections);
        Assert.True(found.IsAtLeast);
        Assert.Equal("the client: 1,024 connections (--connections)", found.Limit);
    }

    [Theory]
    [InlineData(20_000, 0, 13, 12, 14, "13 machines (12 to 14 by the spread), +1 spare")]
    [InlineData(20_000, 0.3, 18, 17, 20, "18 machines (17 to 20 by the spread), +1 spare")]
    [InlineData(1_600, 0, 1, 1, 2, "1 machine (1 to 2 by the spread), +1 spare")]
    [InlineData(1_000, 0, 1, 1, 1, "1 machine, +1 spare")]
    public void For_Rate_CountsMachinesByTheKnees(double rate, double headroom, int machines, int least, int most, string text)
    {
        MachinePlan plan = MachineCount.For(new CapacityOf("x", 1600, [1500, 1600, 1700], 0.1, 2000, "", []), rate, headroom)!;

        Assert.Equal((machines, least, most), (plan.Machines, plan.Least, plan.Most));
        Assert.Equal(text, plan.Text);
    }

    [Fact]
    public void For_NoKneeOrOnlyAtLeast_SaysSo()
    {
        CapacityOf none = new("x", 0, [], 0, 0, "", []);

        Assert.Null(MachineCount.For(none, 1000, 0));
        Assert.StartsWith("at most 2 machines", MachineCount.For(none with { Knee = 500, Knees = [500], IsAtLeast = true }, 1000, 0)!.Text);
    }

    /// <summary>M/M/1: exponential service at 1,000 a second.</summary>
    private static Func<ManualTimeProvider, SimulatedServer> Queue()
    {
        Random random = new(7);
        return time => new SimulatedServer(time, 1, () => -Math.Log(1 - random.NextDouble()) / 1000);
    }

    /// <summary>So many calls at a time, each 100 ms; more find no connection, and the device is busy whatever it has.</summary>
    private static VirtualTrialLoad Device(int rows = 256) => new((time, connections) => new SimulatedServer(time, rows, () => 0.1) { Room = connections })
    {
        Metrics = _ => new ServerResult("", 0.2, 1, 64, [], [], [], []) { Instances = 1 },
    };

    private static Interference Of(double others) => new(2, 1, 0.3, 0.5, others, 0);

    private static Callers Fixed(int calls) => new(calls, 1, calls, MayGrow: false);

    private static CapacityRun Run(VirtualTrialLoad load, int repeats) => new(load, "x", Objective, 5, repeats, new SilentDisplay());
}
