using Gateway.Core.Scheduling;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Scheduling;

public sealed class MemoryRetryTests
{
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public void IsDue_AfterTenMinutes_AndTwiceAsLongAfterATryInVain()
    {
        MemoryRetry retry = new();
        retry.OnFailed(_time.GetTimestamp());
        retry.OnFailed(_time.GetTimestamp());

        Assert.False(IsDueAfter(9.9));
        Assert.True(IsDueAfter(0.2));
        Assert.False(IsDueAfter(0));
        retry.OnFailed(_time.GetTimestamp());
        Assert.False(IsDueAfter(19.9));
        Assert.True(IsDueAfter(0.2));

        // That has not been seen to go well yet, and then has.
        retry.OnRan(4);
        Assert.False(IsDueAfter(19.9));
        Assert.True(IsDueAfter(0.2));
        retry.OnRan(5);
        Assert.False(IsDueAfter(9.9));
        retry.OnFailed(_time.GetTimestamp());
        Assert.False(IsDueAfter(9.9));
        Assert.True(IsDueAfter(0.2));

        bool IsDueAfter(double minutes)
        {
            _time.Advance(TimeSpan.FromMinutes(minutes));
            return retry.IsDue(_time, _time.GetTimestamp(), most: 4);
        }
    }

    [Theory]
    [InlineData(new int[0], "4 8")]
    [InlineData(new[] { 1, 2, 3, 8 }, "3 8")]
    public async Task MemoryIsThereAgain_LaterBatchesGrowASizeAtATime(int[] allowed, string sizes)
    {
        int most = 2;
        List<int> ran = [];
        await using TestModel model = new(new TestModelSetup
        {
            Time = _time,
            Policy = new BatchingPolicy { MaxBatchRows = 8, AllowedBatchSizes = allowed, FollowsLatencyCurve = false },
            CreateExecutor = (layout, pool, time) => new FunctionExecutor(layout, pool, time, (batch, _, _) =>
            {
                if (batch.PaddedRows > most) throw FakeDevice.OutOfMemory();
                ran.Add(batch.PaddedRows);
            }),
        });
        await SendAsync();
        Assert.Equal(2, ran.Max());

        most = 8;
        await SendAsync();
        Assert.Equal(2, ran.Max());
        List<int> grown = [];
        for (int i = 0; i < 3; i++)
        {
            // The batch that ends then allows the next to be larger.
            _time.Advance(TimeSpan.FromMinutes(11));
            await model.Send(1).AnswerAsync();
            ran.Clear();
            await SendAsync();
            grown.Add(ran.Max());
        }

        Assert.Equal(sizes, string.Join(' ', grown.Distinct()));

        Task SendAsync() => model.Send(1, 2, 3, 4, 5, 6, 7, 8).AnswerAsync();
    }
}
