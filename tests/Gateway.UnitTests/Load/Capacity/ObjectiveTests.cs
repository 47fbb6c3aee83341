using Gateway.Load.Capacity;
using Gateway.Load.Results;
using Gateway.Load.Scenarios;
using Gateway.TestSupport;
using Gateway.UnitTests.Load.Engine;

namespace Gateway.UnitTests.Load.Capacity;

public class ObjectiveTests
{
    private static readonly Objective Objective = new(0.99, 0.05);

    [Fact]
    public void Holds_Misses_AreLateRefusedFailedAndUnsent()
    {
        // A thousand answers of a millisecond; ten misses of any kind are one in a hundred.
        ScenarioResult result = Steady();

        Assert.True(Objective.Holds(result));
        Assert.True(Objective.Holds(result with { Offered = result.Offered + 10, Refused = 10 }));
        Assert.False(Objective.Holds(result with { Offered = result.Offered + 12, Refused = 12 }));
        Assert.False(Objective.Holds(result with { Offered = result.Offered + 12, NotSent = 12 }));
        Assert.False(new Objective(0.99, 0.0005).Holds(result));
        Assert.False(Objective.Holds(result with { Offered = 0 }));
    }

    [Fact]
    public void Holds_AnswersFallBehind_DoesNot() => Assert.False(Objective.Holds(Steady() with { AnsweredInWindow = 600 }));

    [Theory]
    [InlineData(5, 4)]
    [InlineData(50, 0.9)]
    [InlineData(400, 0.2)]
    public void Holds_ModelThatIsSlowButAble_HoldsWhateverTheSeed(double rate, double latency)
    {
        // As many answers as calls, each after nearly the objective; random arrivals make one window fuller than the other.
        Objective objective = new(0.99, latency * 1.1);
        for (int seed = 1; seed <= 40; seed++)
        {
            ManualTimeProvider time = new();
            ScenarioResult result = VirtualLoad.Result(time, new SimulatedServer(time, 100_000, () => latency), new LoadSimulation(SimulationKind.Inject, (1.2 * objective.Seconds) + (5 * objective.Seconds)) { Rate = rate }, 1.2 * objective.Seconds, seed);
            Assert.True(objective.Holds(result), $"seed {seed}: {result.AnsweredInWindow} of {result.Offered}");
        }
    }

    [Fact]
    public void Interval_KnownDistribution_HoldsThePercentileNineteenTimesOfTwenty()
    {
        // Exponential service without a queue: the 99th percentile is ln(100) of its mean.
        double truth = Math.Log(100) * 2;
        int held = 0;
        for (int seed = 1; seed <= 200; seed++)
        {
            Random random = new(seed);
            ManualTimeProvider time = new();
            ScenarioResult result = VirtualLoad.Result(time, new SimulatedServer(time, 10_000, () => -Math.Log(1 - random.NextDouble()) * 0.002), new LoadSimulation(SimulationKind.Inject, 6) { Rate = 500 }, 1, seed);
            (double least, double most) = Objective.Interval(result);
            Assert.InRange(Objective.Milliseconds(result), least, most);
            if (least <= truth && truth <= most) held++;
        }

        // Of 200 at 95 %, less than 180 or all come less than once in two hundred times.
        Assert.InRange(held, 180, 199);
    }

    [Fact]
    public void Milliseconds_TooManyWithoutAnAnswer_IsInfinite()
    {
        ScenarioResult result = Steady();

        Assert.True(double.IsPositiveInfinity(Objective.Milliseconds(result with { Offered = 2 * result.Offered })));
        Assert.True(double.IsPositiveInfinity(Objective.Interval(result with { Offered = result.Offered + 5 }).Most));
    }

    private static ScenarioResult Steady()
    {
        ManualTimeProvider time = new();
        return VirtualLoad.Result(time, new SimulatedServer(time, 8, () => 1e-3), new LoadSimulation(SimulationKind.Inject, 2) { Rate = 1000, Arrivals = ArrivalKind.Constant });
    }
}
