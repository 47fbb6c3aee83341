using Gateway.Core.Scheduling;

namespace Gateway.UnitTests.Scheduling;

public sealed class RefusalTextTests
{
    [Theory]
    [InlineData(RefusalReason.QueueFull, null, "Exceeds maximum queue size")]
    [InlineData(RefusalReason.QueueFull, 4096L, "Exceeds maximum queue size, behind 4096 requests")]
    [InlineData(RefusalReason.DeadlineUnreachable, 0L, "Request would be finished after 12.345 ms, behind 0 rows, and its deadline is 0.007 ms")]
    [InlineData(RefusalReason.DeadlineBehindQueue, null, "Request would be finished after 12.345 ms, and its deadline is 0.007 ms")]
    public void For_EachReason_SaysWhatItGoesBy(RefusalReason reason, long? rows, string expected)
    {
        RefusalText text = new(reason, 12_345, 7, rows);

        Assert.Equal($"[request id: <id_unknown>] {expected}", text.For(""));
        Assert.Equal($"[request id: a] {expected}", text.For("a"));
    }

    [Fact]
    public void Write_LargestNumbers_HaveRoom()
    {
        Span<byte> room = stackalloc byte[RefusalText.MostBytes];

        Assert.InRange(new RefusalText(RefusalReason.DeadlineSkipped, long.MaxValue, long.MaxValue, long.MaxValue).Write(room), 1, RefusalText.MostBytes);
    }
}
