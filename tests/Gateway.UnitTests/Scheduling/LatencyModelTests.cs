using Gateway.Core.Scheduling;

namespace Gateway.UnitTests.Scheduling;

public sealed class LatencyModelTests
{
    [Fact]
    public void Estimate_NothingKnown_IsZero() => Assert.Equal(0, new LatencyModel(8).Estimate(4));

    [Theory]
    [InlineData(1, 100)]
    [InlineData(2, 100)]
    [InlineData(4, 200)]
    [InlineData(6, 300)]
    [InlineData(8, 400)]
    [InlineData(16, 800)]
    public void Estimate_BetweenAndBesideSizesSeen_IsALine(int rows, long expected)
    {
        LatencyModel latency = new(16);
        latency.Record(2, 100);
        latency.Record(8, 400);

        Assert.Equal(expected, latency.Estimate(rows));
    }

    [Fact]
    public void Record_FirstSamples_IsTheirMean()
    {
        LatencyModel latency = new(4);
        foreach (long ticks in (long[])[100, 200, 300, 400]) latency.Record(4, ticks);

        Assert.Equal(250, latency.Estimate(4));
    }

    [Theory]
    [InlineData(1_000_000, 2500)]
    [InlineData(0, 625)]
    public void Record_Outlier_IsClipped(long outlier, long expected)
    {
        LatencyModel latency = new(4);
        latency.Record(4, 1000);
        latency.Record(4, outlier);

        Assert.Equal(expected, latency.Estimate(4));
    }

    [Fact]
    public void Record_ModelHasBecomeSlower_FollowsByTenthsAfterTenSamples()
    {
        LatencyModel latency = new(4);
        for (int i = 0; i < 50; i++) latency.Record(4, 1000);

        latency.Record(4, 2000);

        Assert.Equal(1100, latency.Estimate(4));
    }

    [Theory]
    [InlineData(new long[] { 100, 110, 120, 400 }, 4)]
    [InlineData(new long[] { 100, 200, 400, 800 }, 1)]
    [InlineData(new long[] { 100, 150, 298, 600 }, 2)]
    [InlineData(new long[] { 100, 150, 294, 600 }, 4)]
    [InlineData(new long[] { 100, 150, 200, 250 }, 8)]
    public void ChooseBestBatchRows_Profile_TakesTheSmallestAsGoodAsTheBest(long[] ticksOf1248, int expected)
    {
        LatencyModel latency = new(8);
        for (int i = 0; i < 4; i++) latency.Record(1 << i, ticksOf1248[i]);

        latency.ChooseBestBatchRows();

        Assert.Equal(expected, latency.BestBatchRows);
    }

    [Fact]
    public void ChooseBestBatchRows_NothingKnown_StaysTheMaximum()
    {
        LatencyModel latency = new(8);

        latency.ChooseBestBatchRows();

        Assert.Equal(8, latency.BestBatchRows);
    }
}
