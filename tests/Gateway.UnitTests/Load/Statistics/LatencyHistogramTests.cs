using Gateway.Load.Statistics;

namespace Gateway.UnitTests.Load.Statistics;

public class LatencyHistogramTests
{
    private static readonly double[] Shares = [0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Nanoseconds_LatenciesOfManySizes_AreWithinOnePercentOfTheExactQuantiles(int seed)
    {
        Random random = new(seed);
        LatencyHistogram histogram = new();

        // From tens of nanoseconds to minutes.
        long[] values = [.. Enumerable.Range(0, 50_000).Select(_ => (long)Math.Exp(4 + (random.NextDouble() * 22)))];
        foreach (long value in values) histogram.Record(value);

        Array.Sort(values);
        foreach (double share in Shares)
        {
            double exact = values[(int)Math.Ceiling(share * values.Length) - 1];
            Assert.InRange(histogram.Nanoseconds(share), exact * 0.99, exact * 1.01);
        }

        Assert.Equal(values[^1], histogram.Max);
        Assert.Equal(values.Average(), histogram.Mean, values.Average() * 1e-9);
    }

    [Fact]
    public void Record_SmallValues_StandForThemselves()
    {
        for (int value = 0; value < 512; value++)
        {
            LatencyHistogram histogram = new();
            histogram.Record(value);
            Assert.Equal(value, histogram.Nanoseconds(0.5));
        }
    }

    [Theory]
    [InlineData(0.999, 1000, 999)]
    [InlineData(0.999, 7000, 6993)]
    [InlineData(0.07, 100, 7)]
    [InlineData(0.99, 101, 100)]
    [InlineData(1, 3, 3)]
    [InlineData(0.9999, 0, 0)]
    public void RankOf_ShareOfACount_IsNoneHigherThanInDecimals(double share, long count, long rank)
    {
        LatencyHistogram histogram = new();
        for (int value = 1; value <= Math.Min(count, 100); value++) histogram.Record(value);

        Assert.Equal(rank, Rank.Of(share, count));
        if (count <= 100) Assert.Equal(rank, histogram.Nanoseconds(share));
    }

    [Fact]
    public void Record_Extremes_AreTaken()
    {
        LatencyHistogram histogram = new();
        histogram.Record(long.MaxValue);
        histogram.Record(-5);

        Assert.Equal(2, histogram.Count);
        Assert.Equal(0, histogram.Nanoseconds(0.5));
        Assert.InRange(histogram.Nanoseconds(1), long.MaxValue * 0.99, long.MaxValue);
    }

    [Fact]
    public void Add_PartsWrittenDownAndMerged_AreTheWhole()
    {
        Random random = new(5);
        LatencyHistogram whole = new();
        LatencyHistogram[] parts = [new(), new(), new()];
        for (int i = 0; i < 30_000; i++)
        {
            long value = random.NextInt64(1, 100_000_000);
            whole.Record(value);
            parts[i % 3].Record(value);
        }

        LatencyHistogram merged = new();
        foreach (LatencyHistogram part in parts)
        {
            SparseHistogram written = part.ToSparse();
            Assert.True(written.IsValid);
            merged.Add(written);
        }

        Assert.Equal(whole.Count, merged.Count);
        Assert.Equal(whole.Max, merged.Max);
        foreach (double share in Shares) Assert.Equal(whole.Nanoseconds(share), merged.Nanoseconds(share));
    }

    [Fact]
    public void IsValid_WhatNoHistogramWrites_IsFalse()
    {
        Assert.False(new SparseHistogram { Buckets = [3, 2], Counts = [1, 1], Count = 2 }.IsValid);
        Assert.False(new SparseHistogram { Buckets = [3], Counts = [1, 1], Count = 2 }.IsValid);
        Assert.False(new SparseHistogram { Buckets = [LatencyHistogram.Buckets], Counts = [1], Count = 1 }.IsValid);
        Assert.False(new SparseHistogram { Buckets = [1], Counts = [2], Count = 1 }.IsValid);
    }

    [Fact]
    public void CountWithin_HalfOfThem_IsHalf()
    {
        LatencyHistogram histogram = new();
        for (int i = 1; i <= 1000; i++) histogram.Record(i * 1_000_000L);

        Assert.InRange(histogram.CountWithin(500e6), 497, 503);
    }

    [Fact]
    public void CountWithin_WrittenDown_IsTheSame()
    {
        LatencyHistogram histogram = new();
        for (int i = 1; i <= 1000; i++) histogram.Record(i * 1_000_000L);
        SparseHistogram written = histogram.ToSparse();

        foreach (int bucket in written.Buckets)
        {
            double middle = LatencyHistogram.MiddleOf(bucket);
            Assert.Equal(histogram.CountWithin(middle), written.CountWithin(middle));
            Assert.Equal(histogram.CountWithin(Math.BitDecrement(middle)), written.CountWithin(Math.BitDecrement(middle)));
        }

        Assert.Equal((0, 1000), (written.CountWithin(0), written.CountWithin(double.MaxValue)));
        Assert.Equal(0, SparseHistogram.Empty.CountWithin(double.MaxValue));
    }
}
