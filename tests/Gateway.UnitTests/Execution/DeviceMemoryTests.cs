using Gateway.Core.Execution;
using Gateway.Core.Execution.Devices;

namespace Gateway.UnitTests.Execution;

public sealed class DeviceMemoryTests
{
    [Fact]
    public void Take_BeyondTheLimit_SaysWhoHasWhat()
    {
        DeviceMemory memory = Of("0:100");
        using DeviceMemoryShare one = memory.Take(0, "a", 1, 60);
        using DeviceMemoryShare more = memory.Take(0, "a", 1, 10);
        using DeviceMemoryShare other = memory.Take(0, "b", 2, 30);

        ModelLoadException error = Assert.Throws<ModelLoadException>(() => memory.Take(0, "c", 1, 1));

        Assert.Equal("it needs about 1 bytes on GPU 0, of which models may take 100 together (--gpu-memory-limit-byte-size); a 1 has 70, b 2 has 30", error.Message);
        Assert.Equal([(0, "a", 1L, 70L), (0, "b", 2L, 30L)], memory.Usage);
    }

    [Fact]
    public void Take_MoreThanAllOfIt_SaysThatNoneHasAny() =>
        Assert.EndsWith("; none has any", Assert.Throws<ModelLoadException>(() => Of("100").Take(3, "a", 1, 101)).Message, StringComparison.Ordinal);

    [Fact]
    public void Take_GivenBackBefore_HasRoom()
    {
        DeviceMemory memory = Of("100");
        DeviceMemoryShare share = memory.Take(0, "a", 1, 100);
        share.Dispose();
        share.Dispose();

        using DeviceMemoryShare again = memory.Take(0, "b", 1, 100);

        Assert.Equal([(0, "b", 1L, 100L)], memory.Usage);
    }

    [Fact]
    public void Take_OtherDevice_HasItsOwn()
    {
        DeviceMemory memory = Of("100", "1:200");
        using DeviceMemoryShare zero = memory.Take(0, "a", 1, 100);
        using DeviceMemoryShare one = memory.Take(1, "a", 1, 150);

        Assert.Equal((100, 200, 100), (memory.LimitOf(0), memory.LimitOf(1), memory.LimitOf(2)));
        Assert.Equal((100, 200), (zero.Most, one.Most));
    }

    [Fact]
    public void Take_NoLimit_OnlyCounts()
    {
        DeviceMemory memory = Of();
        using DeviceMemoryShare share = memory.Take(0, "a", 1, long.MaxValue / 2);

        Assert.Null(share.Most);
        Assert.Single(memory.Usage);
    }

    [Theory]
    [InlineData("", "'' is not valid (allowed BYTES, DEVICE:BYTES)")]
    [InlineData("1G", "'1G' is not valid (allowed BYTES, DEVICE:BYTES)")]
    [InlineData("-1", "'-1' is not valid (allowed BYTES, DEVICE:BYTES)")]
    [InlineData("x:1", "'x:1' is not valid (allowed BYTES, DEVICE:BYTES)")]
    [InlineData("0:1:2", "'0:1:2' is not valid (allowed BYTES, DEVICE:BYTES)")]
    [InlineData("7", "'7': the same device is given twice")]
    public void Parse_Mistakes_AreNamed(string text, string expected) => Assert.Equal(expected, DeviceMemoryLimits.Parse(["5", text], out _));

    private static DeviceMemory Of(params string[] limits)
    {
        Assert.Null(DeviceMemoryLimits.Parse(limits, out DeviceMemoryLimits parsed));
        return new DeviceMemory(parsed);
    }
}
