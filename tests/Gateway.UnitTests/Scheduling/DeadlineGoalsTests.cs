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
            SimulationResult[] calm = RunThrice(model, load, each, noise: 0.05);
            SimulationResult[] noisy = RunThrice(model, load, each, noise: 0.2);

            AssertAtLeast(0.97, calm.Average(result => result.Goodput), "goodput");
            AssertAtLeast(0.94, noisy.Average(result => result.Goodput), "goodput with noise");
            AssertAtMost(0.005, calm.Average(result => result.Wasted), "wasted");
            AssertAtMost(0.04, noisy.Average(result => result.Wasted), "wasted with noise");
            AssertAtMost(Math.Max(0.01 * each.Time, 50_000), SimulationResult.Percentile(Run(model, load, each, noise: 0).RefusalTimes, 0.99), "time to a refusal, p99");
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

    [Theory]
    [MemberData(nameof(ModelNames))]
    public void HighLoad_NearlyAllAreServed(string model) => AssertAtLeast(0.97, Run(model, 0.9, RequestClass.Medium(Named(model)), noise: 0).ShareInTime, "in time");

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
        SimulationResult result = Simulator.Run(new SimulationSetup(Named(model), 2) { Classes = [RequestClass.Medium(Named(model))], Stalls = 0.002 });

        // The stalls alone take 4 % of the capacity, with several points of spread between seeds.
        AssertAtLeast(0.88, result.Goodput, "goodput");
    }

    [Theory]
    [MemberData(nameof(ModelNames))]
    public void Overload_WithRetries_RecoversWithinSixDeadlines(string model)
    {
        SimulatedModel simulated = Named(model);
        RequestClass medium = RequestClass.Medium(simulated);

        // 70 %, then 200 % for a hundred deadlines, then 70 % again.
        double mean = simulated.Capacity;
        double total = 300 * medium.Time;
        SimulationSetup setup = new(simulated, 1) { Classes = [medium], Retries = 3, Requests = (int)(mean * total), LoadOverTime = at => at is >= 1 / 3.0 and < 2 / 3.0 ? 2 : 0.7 };

        // From six deadlines after the end of the overload on.
        AssertAtLeast(0.95, ShareInTimeFrom(setup, (2 / 3.0) + (6 / 300.0)), "in time after the overload");
    }

    [Theory]
    [MemberData(nameof(ModelNames))]
    public void TwentyTimesAsSlowForAWhile_RecoversByItself(string model)
    {
        SimulatedModel simulated = Named(model);
        SimulationSetup setup = new(simulated, 0.7) { Classes = [RequestClass.Medium(simulated)], Requests = 60_000, SlownessOverTime = at => at is >= 0.3 and < 0.6 ? 20 : 1 };

        AssertAtLeast(0.95, ShareInTimeFrom(setup, 0.8), "in time after the slowness");
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

        AssertAtLeast(0.70, medium, "in time, medium");
        AssertAtLeast(0.75, loose, "in time, loose");
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
    private static SimulationResult[] RunThrice(string model, double load, RequestClass requests, double noise) =>
        [.. Enumerable.Range(1, 3).Select(seed => Simulator.Run(new SimulationSetup(Named(model), load) { Classes = [requests], Noise = noise, Requests = 40_000, Seed = seed }))];

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
