using Gateway.Core.Scheduling.Resources;

namespace Gateway.UnitTests.Scheduling.Resources;

public sealed class ResourceCountsTests
{
    [Theory]
    [InlineData("R1", 0, 10)]
    [InlineData("R1", 1, 10)]
    [InlineData("R2", 0, 5)]
    [InlineData("R2", 1, 8)]
    [InlineData("R2", null, 8)]
    [InlineData("R2", 2, 0)]
    [InlineData("R3", null, 2)]
    [InlineData("R4", 0, 0)]
    public void Of_TritonsExample_IsTritonsAnswer(string name, int? device, int expected)
    {
        Assert.Null(ResourceCounts.Parse(["R1:10", "R2:5:0", "R2:8:1", "R3:2"], out ResourceCounts counts));

        Assert.Equal(expected, counts.Of(new ResourceKey(name, device)));
    }

    [Fact]
    public void Of_NothingSaid_IsNotKnown()
    {
        Assert.Null(ResourceCounts.Parse([], out ResourceCounts counts));

        Assert.Null(counts.Of(new ResourceKey("R1", 0)));
    }

    [Theory]
    [InlineData("R1")]
    [InlineData(":1")]
    [InlineData("R1:x")]
    [InlineData("R1:-1")]
    [InlineData("R1:1:x")]
    [InlineData("R1:1:0:0")]
    public void Parse_NoCount_SaysWhatIsAllowed(string text) =>
        Assert.Equal($"'{text}' is not valid (allowed NAME:COUNT, NAME:COUNT:DEVICE)", ResourceCounts.Parse([text], out _));

    [Fact]
    public void Parse_Twice_IsRefused() => Assert.Equal("'R1:2:0': the same resource is given twice", ResourceCounts.Parse(["R1:1", "R1:1:0", "R1:2:0"], out _));
}
