using Gateway.Core.Scheduling;
using Gateway.TestSupport.Simulation;

namespace Gateway.UnitTests.Scheduling;

public sealed class DeadlineBatchFormerTests
{
    // A batch takes 100 ticks and 10 more a row, up to 8 rows, which are the best.
    private static readonly BatchingPolicy Policy = new() { MaxBatchRows = 8, PriorityLevels = 2, QueuePolicies = [default, default] };

    [Fact]
    public void Decide_NoDeadlines_TakesAllThatFitInOrderOfArrival()
    {
        FormerScene scene = Scene();
        scene.AddAll(3, 2, 2, 4);

        Assert.Equal("Immediate: 3 2 2", scene.Decide());
    }

    [Fact]
    public void Decide_EarliestDeadlineFirst()
    {
        FormerScene scene = Scene();
        TestEntry late = Add(scene, 8, due: 10_000);
        TestEntry early = Add(scene, 8, due: 5_000);

        Assert.Equal("Full: 8", scene.Decide());
        Assert.Equal([early], scene.Taken);
        Assert.NotEqual(late, early);
    }

    [Fact]
    public void Decide_HigherPriorityFirst_WhateverTheDeadlines()
    {
        FormerScene scene = Scene();
        Add(scene, 8, due: 5_000, priority: 2);
        TestEntry first = Add(scene, 8, due: 10_000, priority: 1);

        scene.Decide();

        Assert.Equal([first], scene.Taken);
    }

    [Fact]
    public void Decide_BatchGrowsOnlyAsFarAsTheHeadsDeadlineAllows()
    {
        FormerScene scene = Scene();
        Add(scene, 1, due: 130);
        Add(scene, 1, due: 10_000);
        Add(scene, 1, due: 10_000);

        // 100 + 2 · 10 is in time with its margin of a tenth (132 would not be); and those left are not worse off for it.
        Assert.Equal("Immediate: 1", scene.Decide());
    }

    [Fact]
    public void Decide_HeadThatCannotBeInTime_IsRefusedAndTheOthersAreServed()
    {
        FormerScene scene = Scene();
        TestEntry lost = Add(scene, 1, due: 105);
        Add(scene, 1, due: 1_000);

        Assert.Equal("Immediate: 1", scene.Decide());
        Assert.Equal([(lost, RefusalReason.DeadlineUnreachable)], scene.Refused);
    }

    [Fact]
    public void Decide_TightHeadsWouldForceBatchesOfOne_AreLeftOut()
    {
        FormerScene scene = Scene();
        for (int i = 0; i < 3; i++) Add(scene, 1, due: 111 + i);
        for (int i = 0; i < 8; i++) Add(scene, 1, due: 230);

        // Served alone, the first would cost the eight theirs: 110 + 180 is after 230.
        Assert.Equal("Full: 1 1 1 1 1 1 1 1", scene.Decide());
        Assert.All(scene.Taken, entry => Assert.Equal(230, entry.DueAt));
    }

    [Fact]
    public void Admit_NothingKnownOfTheModel_IsAdmitted()
    {
        FormerScene scene = new(Policy, new DeadlineBatchFormer(Policy, TimeProvider.System));

        Assert.Equal(RefusalReason.None, scene.Admit(Entry(1, due: 1)));
    }

    [Theory]
    [InlineData(109, RefusalReason.DeadlineUnreachable)]
    [InlineData(110, RefusalReason.None)]
    public void Admit_EmptyQueue_NeedsTheTimeOfItsRun(long due, RefusalReason expected)
    {
        FormerScene scene = Scene();

        Assert.Equal(expected, scene.Admit(Entry(1, due)));
    }

    [Theory]
    [InlineData(360, RefusalReason.DeadlineBehindQueue)]
    [InlineData(430, RefusalReason.None)]
    public void Admit_BehindAFullBatch_NeedsTwoFullBatchesAndAMargin(long due, RefusalReason expected)
    {
        FormerScene scene = Scene();
        Add(scene, 8, due: 200);

        Assert.Equal(expected, scene.Admit(Entry(1, due)));
    }

    [Fact]
    public void Admit_TighterThanWhatWaits_GoesBeforeIt()
    {
        FormerScene scene = Scene();
        Add(scene, 8, due: 100_000);
        Add(scene, 8, due: 100_000);

        Assert.Equal(RefusalReason.None, scene.Admit(Entry(1, due: 150)));
    }

    [Fact]
    public void Admit_DeadlineHasPassed_ExpiresInsteadOfBeingRefused()
    {
        FormerScene scene = Scene();

        Assert.Equal(RefusalReason.None, scene.Admit(Entry(1, due: 5), now: 10));
    }

    // The fast one is busy until 180 and would answer by 290. The other, profiled with 210 or 310, has taken 400 of late: for a while it leaves the request to the fast one, but not for ever.
    [Theory]
    [InlineData(0, 200, "nothing")]
    [InlineData(200, 200, "Immediate: 1")]
    [InlineData(200, 300, "nothing")]
    public void Decide_GroupThatHasBeenSlow_GetsATryOnceThatMayBeOver(int millisecondsLater, long profiled, string expected)
    {
        long now = TimeProvider.System.TimestampFrequency * millisecondsLater / 1000;
        LatencyModel fast = Profiled(100);
        LatencyModel slow = Profiled(profiled);
        for (int i = 0; i < 100; i++) slow.Record(1, 400, now: 0);
        RequestQueue queue = new(DeadlineOrder.Instance, Policy.PriorityLevels);
        queue.Add(new TestEntry { Rows = 1, Deadline = now + 300, Priority = 1, Sequence = 1 });
        BatchPlan plan = new();

        new DeadlineBatchFormer(Policy, TimeProvider.System).Decide(new SchedulingView(queue, slow, [new InstanceView(false, now - 2, 8, Latency: fast), InstanceView.Idle(slow)], now, false), plan);

        Assert.Empty(plan.Refusals.ToArray());
        Assert.Equal(expected, plan.Rows == 0 ? "nothing" : $"{plan.Reason}: {plan.Rows}");
    }

    // Sizes the simulator can be run with exactly: what is promised is kept.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void ExactTimes_NoRowIsRunForNothing_AndAllEnd(int seed)
    {
        Random random = new(seed);
        foreach (SimulatedModel model in (SimulatedModel[])[SimulatedModel.Light, SimulatedModel.Convolutional, SimulatedModel.Gpu])
        {
            double medium = RequestClass.Medium(model).Time;
            RequestClass[] classes = [.. Enumerable.Range(0, 3).Select(_ => new RequestClass(random.NextDouble(), medium * (0.4 + (5 * random.NextDouble())), random.Next(1, 9)))];
            SimulationSetup setup = new(model, 0.5 + (2 * random.NextDouble())) { Seed = seed, Classes = classes, Requests = 5_000 };
            long ended = 0;
            SimulationResult result = Simulator.Run(setup, onEnded: (_, _, _) => ended++);
            SimulationResult again = Simulator.Run(setup);

            Assert.Equal(0, result.RowsWasted);
            Assert.Equal(result.Arrivals, ended);
            Assert.Equal((result.RowsInTime, result.Refused, result.AnswerTimes.Sum()), (again.RowsInTime, again.Refused, again.AnswerTimes.Sum()));
        }
    }

    /// <summary>A batch takes so long, and 10 ticks more a row.</summary>
    private static LatencyModel Profiled(long ticks)
    {
        LatencyModel latency = new(Policy.MaxBatchRows);
        for (int rows = 1; rows <= Policy.MaxBatchRows; rows++) latency.Profile(rows, ticks + (10 * rows));
        latency.EndProfile();
        latency.Record(1, ticks + 10, now: 0);
        return latency;
    }

    private static FormerScene Scene() => new FormerScene(Policy, new DeadlineBatchFormer(Policy, TimeProvider.System)).WithLatencies();

    private static TestEntry Entry(int rows, long due, int priority = 1) => new() { Rows = rows, Deadline = due, Priority = priority, Sequence = long.MaxValue };

    private static TestEntry Add(FormerScene scene, int rows, long due, int priority = 1) => scene.Add(rows, priority: priority, deadline: due);
}
