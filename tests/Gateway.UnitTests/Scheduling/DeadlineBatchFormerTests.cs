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

    // 32 rows in four parts of 180 each: at once where four instances are idle, two after two where two are; the last begins when the third is free, and one that is lost runs none.
    [Theory]
    [InlineData("idle idle idle idle", 180)]
    [InlineData("idle idle idle", 360)]
    [InlineData("idle idle", 360)]
    [InlineData("idle", 720)]
    [InlineData("idle lost idle lost", 360)]
    [InlineData("idle busy idle busy", 340)]
    [InlineData("idle busy idle idle", 340)]
    public void Admit_SeveralInstances_PartsRunAtOnce(string instances, long needed)
    {
        // Begun 20 ago.
        InstanceView[] views = [.. instances.Split(' ').Select(each => each == "idle" ? InstanceView.Idle() : each == "lost" ? InstanceView.Lost() : new InstanceView(false, -20, 8))];

        Assert.Equal(RefusalReason.DeadlineUnreachable, Scene(views).Admit(Entry(32, due: needed - 1)));
        Assert.Equal(RefusalReason.None, Scene(views).Admit(Entry(32, due: needed)));
    }

    // One of its four parts has to wait for the batch of others, or for one of the first three: two batches, and a margin for both.
    [Fact]
    public void Admit_SeveralInstancesBehindOthers_NeedsTimeForItsLastPart()
    {
        foreach ((long due, RefusalReason expected) in ((long, RefusalReason)[])[(400, RefusalReason.DeadlineBehindQueue), (430, RefusalReason.None)])
        {
            FormerScene scene = Scene(InstanceView.Idle(), InstanceView.Idle(), InstanceView.Idle(), InstanceView.Idle());
            Add(scene, 8, due: 185);

            Assert.Equal(expected, scene.Admit(Entry(32, due)));
        }
    }

    // The second should have been free 1,350 ago, and is taken to need as long again: until then the other two take turns.
    [Theory]
    [InlineData(1, 0)]
    [InlineData(4, 100)]
    [InlineData(5, 200)]
    [InlineData(27, 1_300)]
    [InlineData(29, 1_350)]
    [InlineData(30, 1_400)]
    public void Forecast_OneInstanceIsLate_TheOthersTakeTurns(int parts, long begin)
    {
        // 8 rows take 100.
        LatencyModel latency = new(8);
        latency.Profile(8, 100);
        latency.EndProfile();
        BatchingPolicy policy = new() { MaxBatchRows = 8, FollowsLatencyCurve = false };
        SchedulingView view = new(new RequestQueue(DeadlineOrder.Instance, 1), latency, [InstanceView.Idle(), new InstanceView(false, -1_450, 8), InstanceView.Idle()], 0, false);

        Assert.Equal(begin + 100, Forecast.SoonestEnd(view, policy, 8 * parts, at: 0));
    }

    [Fact]
    public void Admit_TighterThanWhatWaits_GoesBeforeIt()
    {
        FormerScene scene = Scene();
        Add(scene, 8, due: 100_000);
        Add(scene, 8, due: 100_000);

        Assert.Equal(RefusalReason.None, scene.Admit(Entry(1, due: 150)));
    }

    // Two of three parts have run, the second took 70 longer than it was to: the last would be run for nothing.
    [Fact]
    public void Decide_RestOfARequestCannotBeInTime_IsRefused()
    {
        FormerScene scene = Scene();
        TestEntry large = Add(scene, 24, due: 600);
        foreach (long now in (long[])[0, 180])
        {
            Assert.Equal("Full: 8", scene.Decide(now));
            scene.Apply();
        }

        Assert.Equal("nothing", scene.Decide(now: 430));
        Assert.Equal([(large, RefusalReason.DeadlineUnreachable)], scene.Refused);
    }

    // Behind one that has begun, in a queue whose next is due later and in time.
    [Fact]
    public void Decide_RestOfARequestThatIsNotNext_IsRefusedToo()
    {
        FormerScene scene = Scene();
        TestEntry large = Add(scene, 24, due: 600);
        scene.Decide();
        scene.Apply();
        for (int i = 0; i < 20; i++) Add(scene, 1, due: 590);

        Assert.Equal("Full: 1 1 1 1 1 1 1 1", scene.Decide(now: 300));
        Assert.Equal([(large, RefusalReason.DeadlineUnreachable)], scene.Refused);
    }

    // Sixteen batches have gone before one without a deadline: what has begun goes on first, but no other part is begun beside it.
    [Fact]
    public void Decide_TurnOfARequestWithoutADeadline_IsAfterWhatHasBegun()
    {
        FormerScene scene = Scene();
        TestEntry patient = scene.Add();
        for (int i = 0; i < 15; i++) Add(scene, 8, due: 5_000);
        Add(scene, 12, due: 5_001);
        Add(scene, 12, due: 5_002);
        for (int i = 0; i < 16; i++)
        {
            Assert.Equal("Full: 8", scene.Decide(now: 180 * i));
            scene.Apply();
        }

        Assert.Equal("Immediate: 4", scene.Decide(now: 180 * 16));
        scene.Apply();
        scene.Decide(now: 180 * 17);
        Assert.Equal(patient, scene.Taken.First());
    }

    // The first is far from due and the last of the first level is in time: the second level is looked at all the same. 40 rows are five batches behind the one that runs, of one instance or of four.
    [Theory]
    [InlineData(1, 1_189, true)]
    [InlineData(1, 1_190, false)]
    [InlineData(4, 514, true)]
    [InlineData(4, 515, false)]
    public void Preview_LowerLevelIsDisplaced_IsRefused(int instances, long due, bool isRefused)
    {
        FormerScene scene = Scene([.. Enumerable.Repeat(new InstanceView(false, 0, 8), instances)]);
        TestEntry low = Add(scene, 1, due, priority: 2);
        for (int i = 0; i < 40; i++) Add(scene, 1, due: 10_000);

        scene.Preview();

        Assert.Equal(isRefused ? [(low, RefusalReason.DeadlineBehindQueue)] : [], scene.Refused);
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

    private static FormerScene Scene(params InstanceView[] instances) =>
        new FormerScene(Policy, new DeadlineBatchFormer(Policy, TimeProvider.System)) { Instances = instances }.WithLatencies();

    private static TestEntry Entry(int rows, long due, int priority = 1) => new() { Rows = rows, Deadline = due, Priority = priority, Sequence = long.MaxValue };

    private static TestEntry Add(FormerScene scene, int rows, long due, int priority = 1) => scene.Add(rows, priority: priority, deadline: due);
}
