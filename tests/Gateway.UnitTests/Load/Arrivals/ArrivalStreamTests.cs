using Gateway.Load.Arrivals;
using Gateway.Load.Scenarios;

namespace Gateway.UnitTests.Load.Arrivals;

public class ArrivalStreamTests
{
    [Fact]
    public void Next_Poisson_HasTheRateAndGapsOfNoMemory()
    {
        double[] times = All(new LoadSimulation(SimulationKind.Inject, 200) { Rate = 500 });

        Assert.InRange(times.Length, 98_000, 102_000);
        double[] gaps = [.. times.Zip(times.Skip(1), (one, other) => other - one)];
        double mean = gaps.Average();
        double deviation = Math.Sqrt(gaps.Average(gap => (gap - mean) * (gap - mean)));

        // Of an exponential distribution the deviation is the mean, and a gap is longer than it with a chance of 1/e.
        Assert.InRange(deviation / mean, 0.98, 1.02);
        Assert.InRange(gaps.Count(gap => gap > mean) / (double)gaps.Length, 0.36, 0.376);
    }

    [Fact]
    public void Next_Constant_IsEven()
    {
        double[] times = All(new LoadSimulation(SimulationKind.Inject, 2) { Rate = 10, Arrivals = ArrivalKind.Constant });

        Assert.Equal(20, times.Length);
        for (int i = 0; i < times.Length; i++) Assert.Equal(0.05 + (i * 0.1), times[i], 9);
    }

    [Fact]
    public void Next_Burst_ComesTogetherAtTheRate()
    {
        double[] times = All(new LoadSimulation(SimulationKind.Inject, 100) { Rate = 100, Arrivals = ArrivalKind.Burst, Burst = 10 });

        Assert.InRange(times.Length, 9_000, 11_000);
        Assert.All(times.GroupBy(time => time), burst => Assert.Equal(10, burst.Count()));
    }

    [Fact]
    public void Next_Ramp_GrowsEvenly()
    {
        double[] times = All(
            new LoadSimulation(SimulationKind.RampingInject, 10) { Rate = 100, Arrivals = ArrivalKind.Constant },
            new LoadSimulation(SimulationKind.RampingInject, 10) { Rate = 0, Arrivals = ArrivalKind.Constant });

        // Up from nothing to 100/s and down again: 500 each way, of which a quarter in the first half of the way up.
        Assert.InRange(times.Length, 998, 1001);
        Assert.InRange(times.Count(time => time < 5), 124, 126);
        Assert.Equal(times, times.Order());
    }

    [Fact]
    public void Next_InjectRandom_StaysBetweenItsRates()
    {
        double[] times = All(new LoadSimulation(SimulationKind.InjectRandom, 50) { MinRate = 50, Rate = 150, Arrivals = ArrivalKind.Constant });

        int[] perSecond = [.. Enumerable.Range(0, 50).Select(second => times.Count(time => time >= second && time < second + 1))];
        Assert.All(perSecond, count => Assert.InRange(count, 49, 151));
        Assert.True(perSecond.Distinct().Count() > 10);
    }

    [Fact]
    public void Next_PauseAndReplay_KeepTheirTimes()
    {
        double[] times = All(
            new LoadSimulation(SimulationKind.Pause, 3),
            new LoadSimulation(SimulationKind.Replay, 1) { Times = [0, 0.25, 0.25, 0.5, 7] });

        Assert.Equal([3, 3.25, 3.25, 3.5], times);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void PayloadIndex_ReplayAfterAnotherLoad_IsThePlaceInTheTrace(int shares)
    {
        LoadSimulation[] simulations =
        [
            new(SimulationKind.Inject, 1) { Rate = 7, Arrivals = ArrivalKind.Constant },
            new(SimulationKind.Replay, 1) { Times = [0, 0.25, 0.25, 0.5] },
            new(SimulationKind.Inject, 1) { Rate = 2, Arrivals = ArrivalKind.Constant },
            new(SimulationKind.Replay, 0.3) { Times = [0, 0.25, 0.25, 0.5] },
        ];
        List<(double At, long Index)> all = [];
        for (int share = 0; share < shares; share++)
        {
            ArrivalStream stream = new(simulations, 1, share, shares);
            while (stream.Next() is var at && !double.IsInfinity(at)) all.Add((at, stream.PayloadIndex));
        }

        all.Sort();
        Assert.Equal([0, 1, 2, 3, 4, 5, 6], all.Take(7).Select(each => each.Index));
        Assert.Equal([(1, 0), (1.25, 1), (1.25, 2), (1.5, 3)], all.Skip(7).Take(4));
        Assert.Equal([(3, 0), (3.25, 1), (3.25, 2)], all.Skip(13));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    public void Next_SeveralShares_AreTogetherTheWhole(int shares)
    {
        LoadSimulation[] simulations = [new(SimulationKind.Inject, 10) { Rate = 100 }, new(SimulationKind.RampingInject, 10) { Rate = 300 }];
        double[] whole = All(simulations);

        double[] parts = [.. Enumerable.Range(0, shares).SelectMany(share => Drain(new ArrivalStream(simulations, 1, share, shares))).Order()];

        Assert.Equal(whole, parts);
    }

    [Fact]
    public void CopiesAt_RampAndShares_AddUp()
    {
        LoadSimulation[] simulations = [new(SimulationKind.RampingConstant, 10) { Copies = 100 }, new(SimulationKind.KeepConstant, 10) { Copies = 7 }];

        int At(double seconds) => Enumerable.Range(0, 3).Sum(share => new ArrivalStream(simulations, 1, share, 3).CopiesAt(seconds));

        Assert.Equal(0, At(0));
        Assert.Equal(50, At(5));
        Assert.Equal(7, At(15));
        Assert.Equal(0, At(20));
    }

    private static double[] All(params LoadSimulation[] simulations) => [.. Drain(new ArrivalStream(simulations, 1))];

    private static IEnumerable<double> Drain(ArrivalStream stream)
    {
        while (stream.Next() is var time && !double.IsInfinity(time)) yield return time;
    }
}
