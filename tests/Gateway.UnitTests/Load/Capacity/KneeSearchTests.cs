using Gateway.Load.Capacity;

namespace Gateway.UnitTests.Load.Capacity;

public class KneeSearchTests
{
    [Theory]
    [InlineData(10)]
    [InlineData(700)]
    [InlineData(100_000)]
    public void Find_QueueWhoseKneeIsKnown_FindsItWithinFivePercent(double start)
    {
        // M/M/1 at 1,000 a second: 99 % within 50 ms up to 1000 − ln(100)/0.05.
        double knee = 1000 - (Math.Log(100) / 0.05);

        double found = new KneeSearch(rate => new KneeSearch.Trial(P99(rate) < 0.05, IsClear: true)).Find(start, 1e6);

        Assert.InRange(found, knee * 0.95, knee);
    }

    [Fact]
    public void Find_TrialsThatVary_FindsItThreeTimesWithinTenPercent()
    {
        double knee = 1000 - (Math.Log(100) / 0.05);
        List<double> found = [];
        for (int seed = 1; seed <= 20; seed++)
        {
            Random random = new(seed);
            KneeSearch search = new(rate =>
            {
                // A p99 of a few seconds' calls varies by a fifth.
                double seen = P99(rate) * Math.Exp(0.2 * Normal(random));
                return new KneeSearch.Trial(seen < 0.05, seen < 0.02);
            });
            found.Add(search.Find(600, 1e6));
        }

        Assert.All(found, rate => Assert.InRange(rate, knee * 0.92, knee * 1.05));
        for (int i = 0; i + 2 < found.Count; i++) Assert.True(found.Skip(i).Take(3).Max() / found.Skip(i).Take(3).Min() < 1.1);
    }

    [Fact]
    public void Find_OneTrialIsHopelessByABadSecond_FindsItAllTheSame()
    {
        double knee = 1000 - (Math.Log(100) / 0.05);
        for (int bad = 0; bad < 12; bad++)
        {
            int trials = 0;
            double found = new KneeSearch(rate => new KneeSearch.Trial(trials++ != bad && P99(rate) < 0.05, IsClear: true)).Find(600, 1e6);

            Assert.InRange(found, knee * 0.95, knee);
        }
    }

    [Fact]
    public void Find_NothingHolds_IsZeroAndEnds()
    {
        int trials = 0;

        Assert.Equal(0, new KneeSearch(_ => new KneeSearch.Trial(trials++ < 0, IsClear: true)).Find(1000, 1e6));

        Assert.InRange(trials, 1, 24);
    }

    [Fact]
    public void Find_EverythingHolds_IsTheMostThatCanBeOffered() =>
        Assert.Equal(5000, new KneeSearch(_ => new KneeSearch.Trial(true, IsClear: true)).Find(1000, 5000));

    private static double P99(double rate) => rate < 1000 ? Math.Log(100) / (1000 - rate) : double.PositiveInfinity;

    private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
