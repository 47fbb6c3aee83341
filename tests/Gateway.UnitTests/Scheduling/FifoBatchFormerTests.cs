using Gateway.Core.Scheduling;

namespace Gateway.UnitTests.Scheduling;

public sealed class FifoBatchFormerTests
{
    private const long Delay = 1000;

    private static readonly BatchingPolicy Plain = new() { MaxBatchRows = 8, FollowsLatencyCurve = false };

    // No delay, no preferred sizes: all that fits together, at once.
    [Theory]
    [InlineData(new[] { 1 }, "Immediate: 1")]
    [InlineData(new[] { 1, 2, 3 }, "Immediate: 1 2 3")]
    [InlineData(new[] { 4, 4 }, "Full: 4 4")]
    [InlineData(new[] { 4, 4, 1 }, "Full: 4 4")]
    [InlineData(new[] { 5, 4 }, "Full: 5")]
    [InlineData(new[] { 8 }, "Full: 8")]
    [InlineData(new[] { 9 }, "Full: 8")]
    [InlineData(new[] { 20, 1 }, "Full: 8")]
    [InlineData(new[] { 1, 20 }, "Full: 1")]
    [InlineData(new[] { 1, int.MaxValue }, "Full: 1")]
    [InlineData(new[] { int.MaxValue, int.MaxValue }, "Full: 8")]
    public void Decide_NoDelay_TakesWhatFits(int[] rows, string expected) => Assert.Equal(expected, new FormerScene(Plain).AddAll(rows).Decide());

    // More than three rows needed more memory than there was.
    [Theory]
    [InlineData(new[] { 9 }, new int[0], "Full: 3")]
    [InlineData(new[] { 2, 2 }, new int[0], "Full: 2")]
    [InlineData(new[] { 1, 1, 1, 1 }, new int[0], "Full: 1 1 1")]
    [InlineData(new[] { 1, 1, 1, 1 }, new[] { 4 }, "Full: 1 1 1")]
    [InlineData(new[] { 9 }, new[] { 4 }, "Full: 3")]
    public void Decide_MemoryForFewerRows_TakesNoMore(int[] rows, int[] preferred, string expected)
    {
        FormerScene scene = new FormerScene(Plain with { PreferredBatchSizes = preferred }).AddAll(rows);
        scene.Latency.LimitRows(3);

        Assert.Equal(expected, scene.Decide());
    }

    [Fact]
    public void Decide_NotDynamicAndMemoryForFewerRows_TakesNoMore()
    {
        FormerScene scene = new FormerScene(Plain with { IsDynamic = false }).AddAll(5);
        scene.Latency.LimitRows(3);

        Assert.Equal("Immediate: 3", scene.Decide());
    }

    // Preferred sizes 3 and 6 of at most 8, and a delay that has not passed.
    [Theory]
    [InlineData(new[] { 1, 1 }, "wake at 1000")]
    [InlineData(new[] { 1, 1, 1 }, "Preferred: 1 1 1")]
    [InlineData(new[] { 1, 1, 1, 1 }, "Preferred: 1 1 1")]
    [InlineData(new[] { 1, 1, 1, 1, 1, 1 }, "Preferred: 1 1 1 1 1 1")]
    [InlineData(new[] { 2, 2, 2, 1 }, "Preferred: 2 2 2")]
    [InlineData(new[] { 2, 2 }, "wake at 1000")]
    [InlineData(new[] { 4, 3 }, "Full: 4 3")]
    [InlineData(new[] { 4, 4 }, "Full: 4 4")]
    [InlineData(new[] { 4, 5 }, "Full: 4")]
    [InlineData(new[] { 7 }, "Full: 7")]
    public void Decide_PreferredSizes_TakesTheLargestReachable(int[] rows, string expected) =>
        Assert.Equal(expected, new FormerScene(Plain with { PreferredBatchSizes = [3, 6], MaxQueueDelay = Delay }).AddAll(rows).Decide(now: 1));

    [Theory]
    [InlineData(new[] { 1, 1, 1, 1 }, "DelayExpired: 1 1 1 1")]
    [InlineData(new[] { 1, 1, 1 }, "DelayExpired: 1 1 1")]
    [InlineData(new[] { 4, 4 }, "Full: 4 4")]
    public void Decide_PreferredSizesAndDelayPassed_TakesAll(int[] rows, string expected) =>
        Assert.Equal(expected, new FormerScene(Plain with { PreferredBatchSizes = [3, 6], MaxQueueDelay = Delay }).AddAll(rows).Decide(now: Delay));

    [Theory]
    [InlineData(new[] { 1, 1 }, "Immediate: 1 1")]
    [InlineData(new[] { 1, 1, 1, 1 }, "Preferred: 1 1 1")]
    public void Decide_PreferredSizesWithoutDelay_NeverWaits(int[] rows, string expected) =>
        Assert.Equal(expected, new FormerScene(Plain with { PreferredBatchSizes = [3, 6] }).AddAll(rows).Decide());

    // A batch of two takes 120 ticks, give or take a tenth.
    [Theory]
    [InlineData(500, 1, "wake at 369")]
    [InlineData(500, 369, "DelayExpired: 1 1")]
    [InlineData(130, 1, "DelayExpired: 1 1")]
    [InlineData(5000, 1, "wake at 1000")]
    public void Decide_Delay_EndsWhenADeadlineLeavesNoMoreThanARun(long deadline, long now, string expected)
    {
        FormerScene scene = new FormerScene(Plain with { MaxQueueDelay = Delay }).WithLatencies();
        scene.Add();
        scene.Add(deadline: deadline);

        Assert.Equal(expected, scene.Decide(now));
    }

    [Fact]
    public void Decide_OnlyMaximumPreferred_ReachedIsFull() =>
        Assert.Equal("Full: 4 4", new FormerScene(Plain with { PreferredBatchSizes = [8], MaxQueueDelay = Delay }).AddAll(4, 4).Decide());

    [Theory]
    [InlineData(1099, "wake at 1100")]
    [InlineData(1100, "DelayExpired: 1 1")]
    public void Decide_Delay_CountsFromTheOldest(long now, string expected)
    {
        FormerScene scene = new(Plain with { MaxQueueDelay = Delay });
        scene.Add(arrival: 100);
        scene.Add(arrival: 900);

        Assert.Equal(expected, scene.Decide(now));
    }

    [Fact]
    public void Decide_OldestIsOfALowerPriority_CountsFromIt()
    {
        FormerScene scene = new(Plain with { MaxQueueDelay = Delay, PriorityLevels = 2, QueuePolicies = [default, default] });
        scene.Add(arrival: 100, priority: 2);
        scene.Add(arrival: 900, priority: 1);

        Assert.Equal("DelayExpired: 1 1", scene.Decide(1100));
    }

    [Fact]
    public void Decide_DelayBeyondTheEndOfTime_WaitsForCompany()
    {
        FormerScene scene = new(Plain with { MaxQueueDelay = long.MaxValue - 1 });
        scene.Add(arrival: 100);

        Assert.Equal("nothing", scene.Decide(200));
    }

    [Fact]
    public void Decide_Draining_DoesNotWait() =>
        Assert.Equal("Draining: 1 1", new FormerScene(Plain with { MaxQueueDelay = Delay }).AddAll(1, 1).Decide(isDraining: true));

    [Fact]
    public void Decide_OtherShapeBetween_BatchesAroundIt()
    {
        FormerScene scene = new(Plain);
        foreach (ulong key in (ulong[])[1, 2, 1, 2, 1]) scene.Add(key: key);

        Assert.Equal("Immediate: 1 1 1", scene.Decide());
        scene.Apply();
        Assert.Equal("Immediate: 1 1", scene.Decide());
    }

    [Fact]
    public void Decide_SeveralShapesReady_TheOldestHeadGoesFirst()
    {
        FormerScene scene = new(Plain);
        scene.Add(key: 9);
        scene.Add(key: 3);

        scene.Decide();

        Assert.Equal(9UL, Assert.Single(scene.Taken).ShapeKey);
    }

    [Fact]
    public void Decide_EarlierShapeWaits_DoesNotHoldBackAFullOne()
    {
        FormerScene scene = new(Plain with { MaxQueueDelay = Delay });
        scene.Add(key: 1);
        scene.Add(rows: 8, key: 2);

        Assert.Equal("Full: 8", scene.Decide());
    }

    [Fact]
    public void Decide_AllShapesWait_WakesForTheFirst()
    {
        FormerScene scene = new(Plain with { MaxQueueDelay = Delay });
        scene.Add(arrival: 50, key: 1);
        scene.Add(arrival: 20, key: 2);

        Assert.Equal("wake at 1020", scene.Decide(60));
    }

    [Fact]
    public void Decide_ShapeWhoseDelayPassed_GoesBeforeFullLaterOne()
    {
        FormerScene scene = new(Plain with { MaxQueueDelay = Delay });
        scene.Add(arrival: 0, key: 1);
        scene.Add(rows: 8, arrival: 10, key: 2);

        Assert.Equal("DelayExpired: 1", scene.Decide(Delay));
    }

    [Fact]
    public void Decide_Priorities_TheHigherLevelFirst()
    {
        FormerScene scene = new(Plain with { PriorityLevels = 3, QueuePolicies = [default, default, default] });
        int[] levels = [3, 1, 2, 1, 3, 1, 2, 1, 1, 1];
        foreach (int level in levels) scene.Add(priority: level);

        scene.Decide();

        Assert.Equal(["2", "4", "6", "8", "9", "10", "3", "7"], scene.Taken.Select(entry => $"{entry.Sequence}"));
    }

    [Fact]
    public void Decide_HigherLevelOfAnotherShape_GoesFirst()
    {
        FormerScene scene = new(Plain with { PriorityLevels = 2, QueuePolicies = [default, default] });
        scene.Add(key: 1, priority: 2);
        scene.Add(key: 2, priority: 1);

        scene.Decide();

        Assert.Equal(2UL, Assert.Single(scene.Taken).ShapeKey);
    }

    [Fact]
    public void Decide_DelayedEntry_GoesLastOfItsLevel()
    {
        FormerScene scene = new(Plain with { MaxBatchRows = 1 });
        TestEntry delayed = scene.Add();
        TestEntry next = scene.Add();
        scene.Queue.Remove(delayed);
        delayed.IsDelayed = true;
        scene.Queue.Add(delayed);

        scene.Decide();

        Assert.Same(next, Assert.Single(scene.Taken));
    }

    [Fact]
    public void Decide_Oversize_IsTakenInPartsAndTheLastIsShared()
    {
        FormerScene scene = new FormerScene(Plain).AddAll(19, 2, 4);
        List<string> decisions = [];

        while (scene.Queue.Count > 0)
        {
            decisions.Add(scene.Decide());
            scene.Apply();
        }

        Assert.Equal(["Full: 8", "Full: 8", "Full: 3 2", "Immediate: 4"], decisions);
    }

    [Fact]
    public void Decide_NotDynamic_TakesOneRequestAtATime()
    {
        FormerScene scene = new FormerScene(Plain with { IsDynamic = false, MaxQueueDelay = Delay }).AddAll(2, 2, 10);
        List<string> decisions = [];

        while (scene.Queue.Count > 0)
        {
            decisions.Add(scene.Decide());
            scene.Apply();
        }

        Assert.Equal(["Immediate: 2", "Immediate: 2", "Immediate: 8", "Immediate: 2"], decisions);
    }

    [Theory]
    [InlineData(new[] { 1, 1, 1, 1, 1, 1 }, "Full: 1 1 1 1")]
    [InlineData(new[] { 3, 2 }, "Full: 3")]
    [InlineData(new[] { 6, 1 }, "Full: 6")]
    [InlineData(new[] { 10 }, "Full: 8")]
    public void Decide_LatencyCurve_StopsAtTheBestSizeButSplitsNothingForIt(int[] rows, string expected)
    {
        FormerScene scene = new FormerScene(Plain with { FollowsLatencyCurve = true }).AddAll(rows);
        scene.Latency.Profile(1, 100);
        scene.Latency.Profile(4, 200);
        scene.Latency.Profile(8, 400);
        scene.Latency.EndProfile();

        Assert.Equal(expected, scene.Decide());
    }

    [Theory]
    [InlineData(1, RefusalReason.None)]
    [InlineData(2, RefusalReason.QueueFull)]
    public void Admit_LevelHasALimit_CountsThatLevelOnly(int waiting, RefusalReason expected)
    {
        FormerScene scene = new(Plain with { PriorityLevels = 2, QueuePolicies = [new(0, false, false, MaxQueueSize: 2), default] });
        for (int i = 0; i < waiting; i++) scene.Add(priority: 1);
        for (int i = 0; i < 5; i++) scene.Add(priority: 2);

        Assert.Equal(expected, scene.Admit(new TestEntry { Priority = 1 }));
        Assert.Equal(RefusalReason.None, scene.Admit(new TestEntry { Priority = 2 }));
    }
}
