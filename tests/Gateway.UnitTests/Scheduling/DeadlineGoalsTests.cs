using Gateway.Core.Scheduling;
using Gateway.TestSupport.Simulation;

namespace Gateway.UnitTests.Scheduling;

/// <summary>What the default policy is held to, in virtual time. The goals are those of the simulation that it was chosen by, and of no other machine.</summary>
public sealed class DeadlineGoalsTests
{
    private static readonly SimulatedModel[] Models = [SimulatedModel.Light, SimulatedModel.Convolutional, SimulatedModel.Gpu];

    public static TheoryData<string, double> Overloads => Cross([1.2, 2, 3]);

    [Theory]
    [MemberData(nameof(Overloads))]
    public void Overload_EqualDeadlines_GoodputIsNearlyTheCapacity(string model, double load)
    {
        foreach (RequestClass each in (RequestClass[])[RequestClass.Medium(Named(model)), RequestClass.Loose(Named(model))])
        {
            SimulationResult exact = Run(model, load, each, noise: 0);
            SimulationResult[] calm = RunOften(model, load, each, noise: 0.05, seeds: 10);
            SimulationResult[] noisy = RunOften(model, load, each, noise: 0.2, seeds: 3);

            AssertAtLeast(0.97, exact.Goodput, "goodput without noise");
            AssertAtLeast(0.97, calm.Average(result => result.Goodput), "goodput");
            AssertAtLeast(0.94, noisy.Average(result => result.Goodput), "goodput with noise");
            AssertAtMost(0, exact.Wasted, "wasted without noise");
            AssertAtMost(0.005, calm.Average(result => result.Wasted), "wasted");
            AssertAtMost(0.04, noisy.Average(result => result.Wasted), "wasted with noise");
            AssertAtMost(Math.Max(0.01 * each.Time, 50_000), SimulationResult.Percentile(exact.RefusalTimes, 0.99), "time to a refusal, p99");
        }
    }

    // Where batches differ by 5 %, some are let in that then have no time any more. At 120 % of capacity they are the most among those that are refused, since few are.
    [Theory]
    [MemberData(nameof(ModelNames))]
    public void Overload_Noise_HardlyAnyoneIsLetInWhoIsRefusedLater(string model)
    {
        RequestClass medium = RequestClass.Medium(Named(model));
        foreach (double load in (double[])[1.2, 2, 3])
        {
            double[] times = [.. RunOften(model, load, medium, noise: 0.05, seeds: 3).SelectMany(result => result.RefusalTimes)];
            AssertAtMost(0.02, times.Count(time => time > Math.Max(0.01 * medium.Time, 50_000)) / (double)times.Length, $"share of late refusals at {load}");
        }
    }

    // What a fluid could do by deadlines of 2.1 times a single run, as a share of capacity.
    [Theory]
    [InlineData("light", 1.2, 0.64, 0.93)]
    [InlineData("light", 2, 0.65, 0.93)]
    [InlineData("light", 3, 0.80, 0.93)]
    [InlineData("conv", 1.2, 0.76, 0.88)]
    [InlineData("conv", 2, 0.76, 0.88)]
    [InlineData("conv", 3, 0.76, 0.88)]
    [InlineData("gpu", 1.2, 0.45, 0.93)]
    [InlineData("gpu", 2, 0.52, 0.93)]
    [InlineData("gpu", 3, 0.56, 0.93)]
    public void Overload_TightDeadlines_GoodputIsNearTheBound(string model, double load, double bound, double share)
    {
        RequestClass tight = RequestClass.Tight(Named(model));

        SimulationResult result = Run(model, load, tight, noise: 0);

        AssertAtLeast(share * bound, result.Goodput, "goodput");
        AssertAtMost(0.2 * tight.Time, result.RefusalTimes.Average(), "time to a refusal, mean");
    }

    // The same where batches differ from what is expected of them by 5 %: 93 % (88) of the bound but for the last three, whose batches fill the slack that a deadline leaves. What they
    // take more is either left free or now and then a batch that is late. The bound is a fluid's, whose batches differ by nothing.
    [Theory]
    [InlineData("light", 1.2, 0.64, 0.93, 0.22)]
    [InlineData("light", 2, 0.65, 0.93, 0.2)]
    [InlineData("conv", 1.2, 0.76, 0.88, 0.22)]
    [InlineData("conv", 2, 0.76, 0.88, 0.2)]
    [InlineData("conv", 3, 0.76, 0.88, 0.2)]
    [InlineData("gpu", 1.2, 0.45, 0.93, 0.2)]
    [InlineData("gpu", 2, 0.52, 0.92, 0.2)]
    [InlineData("gpu", 3, 0.56, 0.92, 0.2)]
    [InlineData("light", 3, 0.80, 0.89, 0.2)]
    public void Overload_TightDeadlinesAndNoise_GoodputIsNearTheBound(string model, double load, double bound, double share, double wait)
    {
        RequestClass tight = RequestClass.Tight(Named(model));

        SimulationResult[] results = RunOften(model, load, tight, noise: 0.05, seeds: 3);

        AssertAtLeast(share * bound, results.Average(result => result.Goodput), "goodput");
        AssertAtMost(wait * tight.Time, results.Average(result => result.RefusalTimes.Average()), "time to a refusal, mean");
    }

    // A CPU beside the device that does an eighth of the work, each batch taking four times as long, or six.
    [Theory]
    [InlineData(0.9, 4)]
    [InlineData(1.2, 4)]
    [InlineData(2, 4)]
    [InlineData(3, 4)]
    [InlineData(0.9, 6)]
    [InlineData(2, 6)]
    public void InstanceGroupsOfOtherSpeed_BothDoWhatTheyCan(double load, double slower)
    {
        SimulatedModel slow = SimulatedModel.Gpu with { Name = "slow", Points = [(1, slower * 4.12), (128, slower * 19.36)] };
        RequestClass medium = RequestClass.Medium(slow);
        for (int seed = 1; seed <= 3; seed++)
        {
            SimulationResult result = Simulator.Run(new SimulationSetup(SimulatedModel.Gpu, load) { Classes = [medium], Further = [slow], Noise = 0.05, Seed = seed });

            AssertAtLeast(0.95, load < 1 ? result.ShareInTime : result.Goodput, $"in time, seed {seed}");
            AssertAtMost(0.03, result.Wasted, "wasted");
        }
    }

    // Of requests that the slower one cannot do in time it is given none, and none of them is refused for its sake.
    [Fact]
    public void InstanceGroupsOfOtherSpeed_TheSlowerOneIsTooSlow_TheFasterDoesAll()
    {
        SimulatedModel slow = SimulatedModel.Gpu with { Name = "slow", Points = [(1, 412), (128, 1936)] };
        SimulationSetup setup = new(SimulatedModel.Gpu, 0.9) { Classes = [RequestClass.Medium(SimulatedModel.Gpu)], Further = [slow] };

        SimulationResult result = Simulator.Run(setup);

        AssertAtLeast(0.97, result.ShareInTime, "in time");
        AssertAtMost(0, result.Wasted, "wasted");
    }

    [Theory]
    [MemberData(nameof(ModelNames))]
    public void HighLoad_NearlyAllAreServed(string model)
    {
        RequestClass medium = RequestClass.Medium(Named(model));

        AssertAtLeast(0.97, Run(model, 0.9, medium, noise: 0).ShareInTime, "in time");
        AssertAtLeast(0.97, RunOften(model, 0.9, medium, noise: 0.05, seeds: 3).Average(result => result.ShareInTime), "in time with noise");
    }

    [Theory]
    [MemberData(nameof(ModelNames))]
    public void LowLoad_NoTimeIsAdded(string model)
    {
        SimulatedModel simulated = Named(model);
        SimulationSetup setup = new(simulated, 0.3) { Classes = [RequestClass.Medium(simulated)] };

        SimulationResult result = Simulator.Run(setup);
        SimulationResult immediate = Simulator.Run(setup with { Classes = [new RequestClass(1, 0)] });

        foreach (double share in (double[])[0.5, 0.99])
        {
            AssertAtMost(SimulationResult.Percentile(immediate.AnswerTimes, share) * 1.001, SimulationResult.Percentile(result.AnswerTimes, share), "time to an answer");
        }
    }

    [Theory]
    [MemberData(nameof(ModelNames))]
    public void ProfileIsWrong_TheWholeRunIsNearlyAsGood(string model)
    {
        foreach (double factor in (double[])[0.7, 1.3])
        {
            SimulationResult result = Simulator.Run(new SimulationSetup(Named(model), 2) { Classes = [RequestClass.Medium(Named(model))], ProfileFactor = factor });

            AssertAtLeast(0.97, result.Goodput, $"goodput with a profile of {factor}");
        }
    }

    [Theory]
    [MemberData(nameof(ModelNames))]
    public void Stalls_AreNotLearned(string model)
    {
        SimulationResult result = Simulator.Run(new SimulationSetup(Named(model), 2) { Classes = [RequestClass.Medium(Named(model))], Stalls = 0.002, Requests = 100_000 });

        // Of the time in which nothing stood still, but for what was in a batch that did and those that waited behind it.
        AssertAtLeast(0.96 * (1 - (result.StalledNanoseconds / result.Nanoseconds)), result.Goodput, "goodput");
    }

    [Theory]
    [MemberData(nameof(ModelNames))]
    public void Overload_WithRetries_RecoversWithinSixDeadlines(string model)
    {
        SimulatedModel simulated = Named(model);
        RequestClass medium = RequestClass.Medium(simulated);

        // 70 %, then 200 % for a hundred deadlines, then 70 % again: how many of those that came within each deadline were served, over several seeds, since there are as few as eight.
        double total = 300 * medium.Time;
        SimulationSetup setup = new(simulated, 1) { Classes = [medium], Retries = 3, Requests = (int)(simulated.Capacity * total), LoadOverTime = at => at is >= 1 / 3.0 and < 2 / 3.0 ? 2 : 0.7 };
        double[] inTime = new double[300];
        double[] came = new double[300];
        for (int seed = 1; seed <= 8; seed++)
        {
            Simulator.Run(setup with { Seed = seed }, onEnded: (_, request, isInTime) =>
            {
                int deadline = Math.Min(299, (int)(request.FirstArrival / medium.Time));
                came[deadline]++;
                if (isInTime) inTime[deadline]++;
            });
        }

        // From the seventh on as many as before, but for a twentieth, in each; the last are not all at their end when the simulation is.
        double before = inTime[50..100].Sum() / came[50..100].Sum();
        for (int deadline = 206; deadline < 295; deadline++) AssertAtLeast(0.95 * before, inTime[deadline] / came[deadline], $"in time {deadline - 200} deadlines after the overload");
    }

    [Theory]
    [MemberData(nameof(ModelNames))]
    public void TwentyTimesAsSlowForAWhile_RecoversByItself(string model)
    {
        SimulatedModel simulated = Named(model);
        SimulationSetup setup = new(simulated, 0.7) { Classes = [RequestClass.Medium(simulated)], Requests = 60_000, SlownessOverTime = at => at is >= 0.3 and < 0.6 ? 20 : 1 };

        AssertAtLeast(0.95, ShareInTimeFrom(setup, 0.8), "in time after the slowness");
    }

    // Runs of a second for a minute, and hardly a request is let in while they are taken to take so long: it is served as before within twelve seconds all the same.
    [Fact]
    public void TwentyTimesAsSlowForAMinute_AModelOfLongRuns_RecoversInSeconds()
    {
        SimulatedModel simulated = new("slow", 8, [(1, 50), (8, 130)]);
        SimulationSetup setup = new(simulated, 0.7) { Classes = [RequestClass.Medium(simulated)], Requests = 8_600, SlownessOverTime = at => at is >= 0.3 and < 0.6 ? 20 : 1 };

        AssertAtLeast(0.95, ShareInTimeFrom(setup, 0.66), "in time from twelve seconds after the slowness");
    }

    // A fifth have tight deadlines, the others loose ones: as many rows in time as can be, whosever they are.
    [Theory]
    [InlineData("conv", 0.7, 0.64, 0.99)]
    [InlineData("conv", 1.2, 0.96, 0.95)]
    [InlineData("gpu", 0.7, 0.58, 0.99)]
    [InlineData("gpu", 1.2, 0.93, 0.93)]
    [InlineData("gpu", 2, 0.96, 0.55)]
    [InlineData("light", 0.7, 0.63, 0.99)]
    [InlineData("light", 2, 0.96, 0.55)]
    public void MixedDeadlines_RowsInTimeAreWhatTheyCanBe(string model, double load, double goodput, double looseServed)
    {
        SimulatedModel simulated = Named(model);
        SimulationResult result = Simulator.Run(new SimulationSetup(simulated, load) { Classes = [RequestClass.Tight(simulated, 0.2), RequestClass.Loose(simulated, 0.8)], Requests = 40_000 });

        AssertAtLeast(goodput, result.Goodput, "goodput");
        AssertAtLeast(looseServed, result.ServedOf(1), "loose ones served");
    }

    [Theory]
    [MemberData(nameof(ModelNames))]
    public void Bursts_AreRiddenOut(string model)
    {
        SimulatedModel simulated = Named(model);
        double medium = Simulator.Run(new SimulationSetup(simulated, 0.7) { Classes = [RequestClass.Medium(simulated)], IsBursty = true, Requests = 60_000 }).ShareInTime;
        double loose = Simulator.Run(new SimulationSetup(simulated, 0.7) { Classes = [RequestClass.Loose(simulated)], IsBursty = true, Requests = 60_000 }).ShareInTime;

        AssertAtLeast(0.68, medium, "in time, medium");
        AssertAtLeast(0.75, loose, "in time, loose");
    }

    // Several instances, each with tight deadlines: what none of them can do in time is refused early, too.
    [Theory]
    [InlineData("light", 2)]
    [InlineData("light", 4)]
    [InlineData("conv", 2)]
    [InlineData("conv", 4)]
    [InlineData("gpu", 2)]
    [InlineData("gpu", 4)]
    public void Overload_SeveralInstances_RefusalsAreEarly(string model, int instances)
    {
        foreach (double load in (double[])[1.2, 2, 3])
        {
            RequestClass tight = RequestClass.Tight(Named(model));
            RequestClass medium = RequestClass.Medium(Named(model));
            SimulationResult ofTight = Simulator.Run(new SimulationSetup(Named(model), load) { Classes = [tight], Instances = instances });
            SimulationResult ofMedium = Simulator.Run(new SimulationSetup(Named(model), load) { Classes = [medium], Instances = instances });

            AssertAtMost((instances == 2 ? 0.2 : 0.3) * tight.Time, ofTight.RefusalTimes.Average(), $"time to a refusal at {load}, mean");
            AssertAtMost(0.2 * medium.Time, ofMedium.RefusalTimes.Average(), $"time to a refusal of medium ones at {load}, mean");
            if (model != "light") AssertAtMost(Math.Max(0.01 * medium.Time, 50_000), SimulationResult.Percentile(ofMedium.RefusalTimes, 0.99), $"time to a refusal of medium ones at {load}, p99");
            AssertAtLeast(0.97, ofMedium.Goodput, $"goodput of medium ones at {load}");
        }
    }

    // Of requests of up to four batches the parts run at once: with 25 ms for what takes 10 all are let in while little is to do, and those that are let in are in time.
    [Theory]
    [InlineData(0.1, 0.99)]
    [InlineData(0.3, 0.9)]
    [InlineData(1.2, 0.5)]
    public void LargeRequestsOnSeveralInstances_PartsRunAtOnce(double load, double inTime)
    {
        SimulatedModel model = new("parts", 8, [(1, 6), (8, 10)]);

        SimulationResult result = Simulator.Run(new SimulationSetup(model, load) { Instances = 4, Classes = [new RequestClass(1, 25e6, MostRows: 32)] });

        AssertAtLeast(inTime, result.ShareInTime, "in time");
        AssertAtMost(0.005, result.Wasted, "wasted");
    }

    // Shapes share no batch: the most that can be done is what a batch of one holds that came within a deadline, 89, 18 and 4 % of what is offered. Who cannot be served is told so early all the same.
    [Theory]
    [InlineData(4)]
    [InlineData(64)]
    [InlineData(1_000)]
    public void ManyShapes_RefusalsAreEarly(int shapes)
    {
        RequestClass medium = RequestClass.Medium(SimulatedModel.Gpu) with { Shapes = shapes };

        SimulationResult result = Simulator.Run(new SimulationSetup(SimulatedModel.Gpu, 0.9) { Classes = [medium] });

        if (result.RefusalTimes.Count > 0) AssertAtMost(0.2 * medium.Time, result.RefusalTimes.Average(), "time to a refusal, mean");
        AssertAtMost(0.02, result.Wasted, "wasted");
        AssertAtLeast(shapes == 4 ? 0.85 : shapes == 64 ? 0.17 : 0.03, result.ShareInTime, "in time");
    }

    // Requests of more rows than the best batch of a model that is slower with larger ones: run whole, they would be more than it can do, and a quarter would be too late. What is lost
    // in parts is what comes together at random: the deadline is no more than five requests long.
    [Fact]
    public void RowsBeyondTheBestBatch_AreRunInParts()
    {
        SimulatedModel model = SimulatedModel.Convolutional;

        SimulationResult result = Simulator.Run(new SimulationSetup(model, 0.9) { Classes = [RequestClass.Loose(model) with { MostRows = 16 }] });

        AssertAtLeast(0.86, result.ShareInTime, "in time");
        AssertAtMost(0.005, result.Wasted, "wasted");
    }

    [Theory]
    [MemberData(nameof(ModelNames))]
    public void TwoLevels_TheLowerOneIsRefusedEarly(string model)
    {
        RequestClass medium = RequestClass.Medium(Named(model), 0.5);
        BatchingPolicy policy = new() { MaxBatchRows = Named(model).MaxBatchRows, MaxQueueRequests = int.MaxValue, PriorityLevels = 2, QueuePolicies = [default, default] };

        SimulationResult result = Simulator.Run(new SimulationSetup(Named(model), 2) { Classes = [medium, medium with { Priority = 2 }], Requests = 80_000 }, policy);

        AssertAtMost(0.2 * medium.Time, result.RefusalTimes.Average(), "time to a refusal, mean");
        AssertAtMost(0.5 * medium.Time, SimulationResult.Percentile(result.RefusalTimes, 0.99), "time to a refusal, p99");
        AssertAtLeast(0.97, result.Goodput, "goodput");
    }

    // Without batching each request is a run of its own, of all its rows.
    [Theory]
    [MemberData(nameof(ModelNames))]
    public void NoBatching_RefusalsAreEarlyAndFewAreLate(string model)
    {
        RequestClass requests = new(1, 10 * Named(model).Nanoseconds(8), MostRows: 8);
        BatchingPolicy policy = new() { MaxBatchRows = Named(model).MaxBatchRows, IsDynamic = false, MaxQueueRequests = int.MaxValue };

        SimulationResult result = Simulator.Run(new SimulationSetup(Named(model), 2) { Classes = [requests] }, policy);

        AssertAtMost(0.1 * requests.Time, result.RefusalTimes.Average(), "time to a refusal, mean");
        AssertAtMost(0.02, result.Wasted, "wasted");
    }

    // Others' deadlines want everything, and a hundredth of the requests has none: those are served all the same, at hardly any cost.
    [Theory]
    [MemberData(nameof(ModelNames))]
    public void Overload_RequestsWithoutADeadlineDoNotStarve(string model)
    {
        SimulatedModel simulated = Named(model);
        RequestClass medium = RequestClass.Medium(simulated, 0.99);
        long served = 0;
        long came = 0;
        SimulationResult result = Simulator.Run(
            new SimulationSetup(simulated, 2) { Classes = [medium, new RequestClass(0.01, 0)], Requests = 40_000 },
            onEnded: (at, request, _) =>
            {
                if (request.ClassIndex == 0) return;
                came++;
                if (at < 1) served++;
            });

        AssertAtLeast(0.9 * came, served, "served of those without a deadline, before the load ends");
        AssertAtLeast(0.95, result.Goodput, "goodput");
    }

    // The best size is found by what batches take, whatever a profile says of it: that four rows are the best, that all are, or nothing.
    [Theory]
    [MemberData(nameof(ModelNames))]
    public void ProfileIsWrongInShape_OrMissing_TheBestSizeIsFound(string model)
    {
        SimulatedModel simulated = Named(model);
        SimulationSetup setup = new(simulated, 2) { Classes = [RequestClass.Loose(simulated)], Requests = 200_000 };
        SimulationSetup[] setups =
        [
            setup with { ProfileShape = rows => rows <= 4 ? 1 : 1.1 * rows / 4 * simulated.Nanoseconds(4) / simulated.Nanoseconds(rows) },
            setup with { ProfileShape = rows => Math.Sqrt(rows) * simulated.Nanoseconds(1) / simulated.Nanoseconds(rows) },
            setup with { HasProfile = false },
        ];
        for (int i = 0; i < setups.Length; i++)
        {
            long late = 0;
            Simulator.Run(setups[i], onEnded: (at, request, isInTime) => late += isInTime && at is >= 0.7 and < 1 ? 1 : 0);

            // Where the profile is wrong fivefold there is a long way down.
            AssertAtLeast(model == "conv" && i == 1 ? 0.8 : 0.92, late / (0.3 * 200_000 / 2), "answers in time of the last third, over what could be");
        }
    }

    public static TheoryData<string> ModelNames => [.. Models.Select(model => model.Name)];

    private static TheoryData<string, double> Cross(double[] loads)
    {
        TheoryData<string, double> all = [];
        foreach (SimulatedModel model in Models)
        {
            foreach (double load in loads) all.Add(model.Name, load);
        }

        return all;
    }

    // One seed has a spread of some tenths of a percent.
    private static SimulationResult[] RunOften(string model, double load, RequestClass requests, double noise, int seeds) =>
        [.. Enumerable.Range(1, seeds).Select(seed => Simulator.Run(new SimulationSetup(Named(model), load) { Classes = [requests], Noise = noise, Requests = 40_000, Seed = seed }))];

    private static SimulationResult Run(string model, double load, RequestClass requests, double noise) =>
        Simulator.Run(new SimulationSetup(Named(model), load) { Classes = [requests], Noise = noise });

    /// <summary>Requests in time over all that end from a moment on, between 0 and 1.</summary>
    private static double ShareInTimeFrom(SimulationSetup setup, double from)
    {
        long inTime = 0;
        long all = 0;
        Simulator.Run(setup, onEnded: (at, _, isInTime) =>
        {
            if (at < from) return;
            all++;
            if (isInTime) inTime++;
        });
        return inTime / (double)all;
    }

    private static SimulatedModel Named(string name) => Models.Single(model => model.Name == name);

    private static void AssertAtLeast(double least, double actual, string what) => Assert.True(actual >= least, $"{what}: {actual:F4}, expected at least {least:F4}");

    private static void AssertAtMost(double most, double actual, string what) => Assert.True(actual <= most, $"{what}: {actual:F4}, expected at most {most:F4}");
}
