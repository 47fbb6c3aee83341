using Gateway.TestSupport.Simulation;

namespace Gateway.UnitTests.Scheduling;

/// <summary>
/// What the default policy is held to where rows differ in size, in virtual time: 32, 128 and 512 elements, as much work in each, to a model whose batches take as much longer as there are more, of which no profile says anything. What counts
/// is the work that is answered in time; beside it what it was with one mean for all sizes, which are told so that who changes this knows what for.
/// </summary>
public sealed class ShapeGoalsTests
{
    // All have 408 ms, three best batches of the longest. One mean: 100, 94.1 and 90.6 %, 0, 1.1 and 6.2 % run for nothing, refused after 61 and 38 ms on the mean.
    [Theory]
    [InlineData(0.9, 0.99)]
    [InlineData(1.2, 0.98)]
    [InlineData(3, 0.98)]
    public void Mixed_TheSameDeadline_WorkInTimeIsNearlyTheCapacity(double load, double goal)
    {
        SimulationResult result = Simulator.Run(ShapeMix.At(load, knowsShapes: true));

        AssertInTime(goal, load, result);
        AssertAtMost(0.005, result.Wasted, "run for nothing");
        if (load > 1) AssertAtMost(0.02 * ShapeMix.Time, result.RefusalTimes.Average(), "time to a refusal, mean");
        SimulationResult oneMean = Simulator.Run(ShapeMix.At(load, knowsShapes: false));
        AssertAtLeast((load > 1 ? 1.03 : 0.999) * oneMean.ShareInTime, result.ShareInTime, "work in time, over that with one mean");
    }

    // Ten runs of its own size, and the batch of the longest that may be in the way. One mean: 98.4, 93.6 and 92.7 %, of the longest 0, 1.6 and 8.9 % late, and at 300 % 42, 5 and 45 % of the sizes served.
    [Theory]
    [InlineData(0.9, 0.97)]
    [InlineData(1.2, 0.96)]
    [InlineData(3, 0.96)]
    public void Mixed_MoreTimeForLongerOnes_AllSizesAreServed(double load, double goal)
    {
        SimulationResult result = Simulator.Run(ShapeMix.At(load, knowsShapes: true, size => (10e6 * ShapeMix.InProportion(size)) + (ShapeMix.Time / 3)));

        AssertInTime(goal, load, result);
        AssertAtMost(0.005, result.Wasted, "run for nothing");
        for (int i = 0; i < 3; i++)
        {
            AssertAtLeast(0.7 * Math.Min(1, 1 / load), result.ServedOf(i), "served");
            AssertAtMost(0.02, result.LateOf(i), "late of those that are answered");
        }
    }

    // Guessed to take 16 times as long, which their deadline has no room for, the longest take twice as long. One mean: 90.7 and 88.7 %.
    [Theory]
    [InlineData(0.9, 0.94)]
    [InlineData(1.2, 0.91)]
    public void GuessedToTakeTooLong_AreServedAllTheSame(double load, double goal)
    {
        SimulationResult result = Simulator.Run(ShapeMix.At(load, knowsShapes: true, _ => ShapeMix.Time / 16, size => 1 + (ShapeMix.InProportion(size) / 15)));

        AssertInTime(goal, load, result);
        AssertAtLeast(load < 1 ? 0.93 : 0.6, result.ServedOf(2), "of the longest served");
    }

    // They have 26 ms for 64: what is tried of them now and then costs the others little. One mean: 41.8, 43.5 and 80.2 %, 26.3, 25.2 and 8.5 % run for nothing.
    [Theory]
    [InlineData(0.9, 0.62)]
    [InlineData(1.2, 0.71)]
    [InlineData(3, 0.95)]
    public void CannotBeInTime_TriesCostLittle(double load, double goal)
    {
        SimulationResult result = Simulator.Run(ShapeMix.At(load, knowsShapes: true, _ => ShapeMix.Time / 16, size => size == 512 ? 64 : ShapeMix.InProportion(size)));

        // Two thirds of what is offered can be: 0.67 of it, 0.8 of the capacity, and all.
        AssertInTime(goal, load, result);
        AssertAtMost(0.04, result.Wasted, "run for nothing");
    }

    private static void AssertInTime(double goal, double load, SimulationResult result) => AssertAtLeast(goal, load < 1 ? result.ShareInTime : result.Goodput, "work in time");

    private static void AssertAtLeast(double least, double actual, string what) => Assert.True(actual >= least, $"{what}: {actual:F4}, expected at least {least:F4}");

    private static void AssertAtMost(double most, double actual, string what) => Assert.True(actual <= most, $"{what}: {actual:F4}, expected at most {most:F4}");
}
