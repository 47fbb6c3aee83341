using Gateway.Load.Scenarios;

namespace Gateway.UnitTests.Load.Scenarios;

public class ThresholdTests
{
    [Theory]
    [InlineData("p99 < 50ms", "p99", 0.05)]
    [InlineData("p99.9<=800us", "p99.9", 0.0008)]
    [InlineData("  max < 1.5 s ", "max", 1.5)]
    [InlineData("errors < 0.1%", "errors", 0.001)]
    [InlineData("refused <= 0.05", "refused", 0.05)]
    [InlineData("goodput >= 1900", "goodput", 1900)]
    [InlineData("throughput > 1900/s", "throughput", 1900)]
    [InlineData("errors < 1% or stop", "errors", 0.01)]
    [InlineData(" p99.9<=50ms   or  stop ", "p99.9", 0.05)]
    [InlineData("max < 2s or stop", "max", 2)]
    public void TryParse_Good_ReadsIt(string text, string metric, double limit)
    {
        Assert.True(Threshold.TryParse(text, out Threshold? threshold, out _));
        Assert.Equal(metric, threshold.Metric);
        Assert.Equal(limit, threshold.Limit, 9);
    }

    [Theory]
    [InlineData("p99")]
    [InlineData("p99 = 50ms")]
    [InlineData("p101 < 50ms")]
    [InlineData("latency < 50ms")]
    [InlineData("p99 < 50")]
    [InlineData("p99 < fast")]
    [InlineData("errors < 5ms")]
    [InlineData("goodput > 10%")]
    [InlineData("p99 < -5ms")]
    [InlineData("errors < 1% or")]
    [InlineData("errors < 1% or halt")]
    [InlineData("errors < 1% orstop")]
    [InlineData("errors > 1% or stop")]
    [InlineData("mean < 5ms or stop")]
    [InlineData("goodput > 10 or stop")]
    [InlineData("throughput < 10 or stop")]
    [InlineData("")]
    public void TryParse_Bad_SaysWhatIsWrongWithIt(string text)
    {
        Assert.False(Threshold.TryParse(text, out _, out string problem));
        Assert.Contains($"'{text}'", problem);
    }

    [Fact]
    public void TryParse_OrStop_EndsTheRunAndIsNoPartOfTheCondition()
    {
        Assert.True(Threshold.TryParse(" errors < 1% or stop", out Threshold? ends, out _));
        Assert.True(Threshold.TryParse("errors < 1%", out Threshold? stays, out _));

        Assert.Equal((true, "errors < 1%", " errors < 1% or stop"), (ends.EndsRun, ends.Condition, ends.Text));
        Assert.Equal((false, "errors < 1%"), (stays.EndsRun, stays.Condition));
    }

    [Theory]
    [InlineData("errors < 1% or stop", 1000, 10)]
    [InlineData("errors <= 1% or stop", 1000, 11)]
    [InlineData("wrong <= 0 or stop", 1000, 1)]
    [InlineData("wrong <= 0 or stop", long.MaxValue, 1)]
    [InlineData("p99 < 50ms or stop", 1000, 11)]
    [InlineData("p99 < 50ms or stop", 999, 10)]
    [InlineData("p90 < 50ms or stop", 10, 2)]
    [InlineData("p99.9 < 50ms or stop", 1000, 2)]
    [InlineData("p99.9 < 50ms or stop", 8000, 9)]
    [InlineData("errors <= 0.7% or stop", 1000, 8)]
    [InlineData("p100 < 50ms or stop", 1000, 1)]
    [InlineData("max < 50ms or stop", 1000, 1)]
    [InlineData("max < 50ms or stop", long.MaxValue, 1)]
    public void IsLost_AsManyMissesAsNothingCanMakeGood_IsTrueFromThere(string text, long planned, long misses)
    {
        Assert.True(Threshold.TryParse(text, out Threshold? threshold, out _));

        Assert.False(threshold.IsLost(misses - 1, planned));
        Assert.True(threshold.IsLost(misses, planned));
    }

    [Theory]
    [InlineData("errors < 1% or stop")]
    [InlineData("p99 < 50ms or stop")]
    public void IsLost_NobodyKnowsHowManyCallsThereWillBe_IsFalse(string text)
    {
        Assert.True(Threshold.TryParse(text, out Threshold? threshold, out _));

        Assert.False(threshold.IsLost(1_000_000_000, long.MaxValue));
    }

    [Fact]
    public void TryParse_RandomText_NeverThrows()
    {
        const string Letters = "p9.<>= msu%/errors0123456789 goodput or stop";
        Random random = new(4);
        for (int i = 0; i < 20_000; i++)
        {
            string text = new([.. Enumerable.Range(0, random.Next(20)).Select(_ => Letters[random.Next(Letters.Length)])]);
            if (Threshold.TryParse(text, out Threshold? threshold, out string problem)) Assert.True(double.IsFinite(threshold.Limit) && threshold.Percentile is >= 0 and <= 1);
            else Assert.NotEmpty(problem);
        }
    }
}
