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
    [InlineData("")]
    public void TryParse_Bad_SaysWhatIsWrongWithIt(string text)
    {
        Assert.False(Threshold.TryParse(text, out _, out string problem));
        Assert.Contains($"'{text}'", problem);
    }

    [Fact]
    public void TryParse_RandomText_NeverThrows()
    {
        const string Letters = "p9.<>= msu%/errors0123456789 goodput";
        Random random = new(4);
        for (int i = 0; i < 20_000; i++)
        {
            string text = new([.. Enumerable.Range(0, random.Next(20)).Select(_ => Letters[random.Next(Letters.Length)])]);
            if (Threshold.TryParse(text, out Threshold? threshold, out string problem)) Assert.True(double.IsFinite(threshold.Limit) && threshold.Percentile is >= 0 and <= 1);
            else Assert.NotEmpty(problem);
        }
    }
}
