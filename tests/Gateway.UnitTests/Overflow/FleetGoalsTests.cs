using Gateway.TestSupport.Simulation.Fleets;

namespace Gateway.UnitTests.Overflow;

/// <summary>What the overflow decision is held to, in a fleet in virtual time. The goals are those of the simulation that its rules were found by, and of no machine.</summary>
public sealed class FleetGoalsTests
{
    private const long Second = FleetSetup.Second;

    public static TheoryData<int, int> Steady => new() { { 3, 1 }, { 3, 2 }, { 3, 3 }, { 30, 1 }, { 30, 2 } };

    [Theory]
    [MemberData(nameof(Steady))]
    public void Overload_SkewedTraffic_GoodputIsTheCapacityOfTheFleet(int nodes, int seed)
    {
        foreach (double load in (double[])[1.2, 3])
        {
            FleetResult result = Run(new FleetSetup(nodes, load) { IsSkewed = true, Seed = seed });

            AssertAtLeast(0.97, result.Goodput, $"goodput at {load}");
            if (load == 3) AssertAtMost(0.10, result.ForwardedShare, "forwarded per request");
            AssertAtMost((1.1 * result.Asked) + (20 * nodes), result.Sends, "sends");
        }
    }

    [Theory]
    [MemberData(nameof(Steady))]
    public void NearlyFull_SkewedTraffic_IsAnsweredAsByOne(int nodes, int seed)
    {
        FleetResult result = Run(new FleetSetup(nodes, 0.9) { IsSkewed = true, Seed = seed, Time = 2 * Second });

        AssertAtLeast(0.995, result.ShareInTime, "answered in time");
        AssertAtMost(0.001, result.RefusedShare, "refused");
        AssertAtMost(50, result.Percentile(0.99), "p99 in milliseconds");
    }

    [Fact]
    public void PartlyLoaded_SkewedTraffic_TheSlowestAreNotSlow()
    {
        FleetResult result = Run(new FleetSetup(30, 0.7) { IsSkewed = true });

        AssertAtMost(36, result.Percentile(0.99), "p99 in milliseconds");
        AssertAtLeast(0.9999, result.ShareInTime, "answered in time");
    }

    [Theory]
    [InlineData(3, 1)]
    [InlineData(3, 2)]
    [InlineData(3, 3)]
    [InlineData(30, 1)]
    public void NearlyFull_Bursts_IsNearTheOracle(int nodes, int seed)
    {
        FleetSetup setup = new(nodes, 0.9) { IsBursty = true, Seed = seed, Time = (nodes > 3 ? 2 : 10) * Second };

        FleetResult result = Run(setup);
        FleetResult oracle = FleetSimulator.Run(setup with { Routing = RoutingKind.Oracle });

        Assert.Equal(oracle.Offered, result.Offered);
        AssertAtMost(0.001 * result.Sends, result.Timeouts, "hops that timed out");
        AssertAtLeast(0.98, (double)result.InTime / oracle.InTime, "goodput by that of the oracle");
    }

    [Theory]
    [InlineData(3, 1, 1.75)]
    [InlineData(3, 2, 1.75)]
    [InlineData(3, 3, 1.75)]
    [InlineData(30, 1, 1.6)]
    public void NearlyFull_OneFiveTimesSlower_NothingIsRefused(int nodes, int seed, double times)
    {
        FleetSetup setup = new(nodes, 0.9) { HasSlowNode = true, Seed = seed };

        FleetResult result = Run(setup);
        FleetResult oracle = FleetSimulator.Run(setup with { Routing = RoutingKind.Oracle });

        AssertAtMost(times * oracle.Percentile(0.99), result.Percentile(0.99), "p99 in milliseconds");
        Assert.Equal(0, result.Refused);
    }

    [Theory]
    [MemberData(nameof(Steady))]
    public void EvenTraffic_StaysWhereItComes(int nodes, int seed)
    {
        foreach (double load in (double[])[0.5, 0.9])
        {
            FleetResult result = Run(new FleetSetup(nodes, load) { Seed = seed });

            AssertAtMost(0.02, result.ForwardedShare, $"forwarded per request at {load}");
            AssertAtLeast(0.9999, result.ShareInTime, "answered in time");
        }
    }

    [Theory]
    [InlineData(FaultKind.Freeze, 30)]
    [InlineData(FaultKind.BlackHole, 30)]
    [InlineData(FaultKind.Slow, 30)]
    [InlineData(FaultKind.Freeze, 5)]
    [InlineData(FaultKind.BlackHole, 5)]
    [InlineData(FaultKind.Slow, 5)]
    public void OneFails_WhatTheOthersForwardIsNotLost(FaultKind kind, int nodes)
    {
        for (int seed = 1; seed <= 3; seed++)
        {
            // The one that fails is the last, which is not among those that get most: others forward to it.
            FleetResult result = FleetSimulator.Run(Failing(kind, nodes) with { IsSkewed = true, Seed = seed });

            AssertAtMost(0.0001 * result.Forwarded, result.ForwardedLost, "forwarded and lost");
            AssertAtLeast(0.95, result.WorstSlice(Second, 4 * Second), "answered in time at the others, worst twentieth of a second");
            Assert.True(result.MostSends <= 3);
        }
    }

    [Theory]
    [InlineData(FaultKind.Crash, 30, 0)]
    [InlineData(FaultKind.Slow, 30, 0)]
    [InlineData(FaultKind.Freeze, 30, Second)]
    [InlineData(FaultKind.Crash, 3, 0)]
    [InlineData(FaultKind.Slow, 3, 0)]
    [InlineData(FaultKind.Freeze, 3, Second)]
    public void OneFails_TheRestRecovers(FaultKind kind, int nodes, long detection)
    {
        for (int seed = 1; seed <= 3; seed++)
        {
            FleetResult result = FleetSimulator.Run(Failing(kind, nodes) with { Load = nodes == 3 ? 0.6 : 0.7, Seed = seed });

            AssertAtMost(detection + (Second / 2), result.TimeToRecover(Second, 3 * Second, 0.99), "microseconds until all is answered in time again");
        }
    }

    [Theory]
    [InlineData(0.7, 2.5, 3)]
    [InlineData(0.7, 2.5, 10)]
    [InlineData(0.9, 2.5, 3)]
    [InlineData(0.9, 3, 10)]
    public void AfterOverload_ClientsThatAskAgainAtOnce_GoodputComesBack(double load, double pulse, int retries)
    {
        FleetResult result = FleetSimulator.Run(new FleetSetup(3, load)
        {
            IsSkewed = true,
            Server = ServerModel.Cores,
            ClientRetries = retries,
            Time = 6 * Second,
            PulseFrom = 2 * Second,
            PulseUntil = 4 * Second,
            PulseLoad = pulse,
        });

        double before = result.AnswersPerSecond(Second, 2 * Second);
        AssertAtLeast(0.97 * before, result.AnswersPerSecond(2 * Second, 4 * Second), "answers a second while it lasts");
        AssertAtLeast(0.97 * Math.Min(before, result.OfferedPerSecond(5 * Second, 6 * Second)), result.AnswersPerSecond(5 * Second, 6 * Second), "answers a second after it");
    }

    [Fact]
    public void RollingRestart_NothingIsLostOrRefused()
    {
        const int Nodes = 10;
        FleetFault[] restarts = [.. Enumerable.Range(0, Nodes).Select(i => new FleetFault(FaultKind.Restart, i, Second + (i * 7 * Second / 2), Second + (i * 7 * Second / 2) + (3 * Second / 2)))];

        FleetResult result = FleetSimulator.Run(new FleetSetup(Nodes, 0.7) { Server = ServerModel.Cores, Time = 36 * Second, Faults = restarts });

        Assert.Equal(0, result.Lost);
        Assert.Equal(0, result.Refused);
        Assert.Equal(0, result.Late);
        Assert.True(result.Forwarded > 0);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(30)]
    public void SlowPolls_ChangeLittle(int nodes)
    {
        FleetSetup setup = new(nodes, 0.9) { IsSkewed = true, Time = (nodes > 3 ? 1 : 4) * Second };

        FleetResult fast = Run(setup);
        FleetResult slow = Run(setup with { Poll = Second / 2 });

        AssertAtLeast(0.98 * fast.Goodput, slow.Goodput, "goodput");
        AssertAtMost(1.2 * fast.Percentile(0.99), slow.Percentile(0.99), "p99 in milliseconds");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Affinity_EmptyCachesAtFourTimesTheCapacity_FillAndNothingIsRefused(int seed)
    {
        FleetSetup setup = new(10, 4) { Keys = 20_000, Kept = 2000, HasAffinity = true, Seed = seed, WarmUp = Second, Time = Second };

        FleetResult result = FleetSimulator.Run(setup);

        AssertAtLeast(0.95, result.HitShare, "answered by a cache");
        AssertAtMost(0.01, result.RefusedShare, "refused");
        AssertAtMost(0.0005, result.LateShare, "admitted, but late");

        // Why it is kept to the ring: by load alone all caches fill with the same answers, and stay so.
        FleetResult spread = FleetSimulator.Run(setup with { HasAffinity = false });
        AssertAtMost(0.8, spread.HitShare, "answered by a cache, by load alone");
        AssertAtLeast(0.03, spread.RefusedShare, "refused, by load alone");
    }

    [Fact]
    public void Affinity_OneOfTenIsGone_TheOthersTakeItsAnswers()
    {
        FleetSetup setup = new(10, 3)
        {
            Keys = 20_000,
            Kept = 2000,
            HasAffinity = true,
            WarmUp = 2 * Second,
            Time = Second,
            Faults = [new FleetFault(FaultKind.Crash, 4, 2 * Second, 10 * Second)],
        };

        FleetResult result = FleetSimulator.Run(setup);

        AssertAtLeast(0.90, result.HitShare, "answered by a cache");
        AssertAtMost(0.001, result.RefusedShare, "refused");
        AssertAtMost(0.0001 * result.Forwarded, result.ForwardedLost, "forwarded and lost");
    }

    [Fact]
    public void InFlightCounts_AreWorseThanChance()
    {
        // Why the signal is what it is: who refuses fast has the fewest in flight.
        FleetSetup setup = new(30, 0.9) { IsSkewed = true, Time = Second / 2 };

        double fewest = FleetSimulator.Run(setup with { Routing = RoutingKind.LeastRequests }).Goodput;
        double two = FleetSimulator.Run(setup with { Routing = RoutingKind.TwoChoices }).Goodput;
        double chance = FleetSimulator.Run(setup with { Routing = RoutingKind.Random }).Goodput;

        Assert.True(fewest < two && two < chance && chance < FleetSimulator.Run(setup).Goodput);
    }

    [Fact]
    public void SameSeed_SameFleet()
    {
        FleetSetup setup = new(5, 1.1) { IsSkewed = true, IsBursty = true, Time = Second / 2 };

        FleetResult one = FleetSimulator.Run(setup);
        FleetResult other = FleetSimulator.Run(setup);

        Assert.Equal((one.InTime, one.Sends, one.Nacks, one.Refused), (other.InTime, other.Sends, other.Nacks, other.Refused));
        Assert.NotEqual(one.InTime, FleetSimulator.Run(setup with { Seed = 2 }).InTime);
    }

    private static FleetSetup Failing(FaultKind kind, int nodes) => new(nodes, 0.7)
    {
        Server = ServerModel.Cores,
        Time = 4 * Second,
        Faults = [new FleetFault(kind, nodes - 1, Second, 3 * Second)],
    };

    /// <summary>A run without faults, of which some always hold.</summary>
    private static FleetResult Run(FleetSetup setup)
    {
        FleetResult result = FleetSimulator.Run(setup);
        AssertAtMost(0.0005, result.LateShare, "admitted, but late");
        Assert.True(result.MostSends <= 3);
        Assert.Equal(0, result.Lost);
        AssertAtMost(0.0001 * result.Forwarded, result.ForwardedLost, "forwarded and lost");
        return result;
    }

    private static void AssertAtLeast(double limit, double value, string what) => Assert.True(value >= limit, $"{what}: {value:F4}, at least {limit:F4} expected");

    private static void AssertAtMost(double limit, double value, string what) => Assert.True(value <= limit, $"{what}: {value:F4}, at most {limit:F4} expected");
}
