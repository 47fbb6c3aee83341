using Gateway.Core.Diagnostics;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.TestSupport;
using static Gateway.UnitTests.Scheduling.BatcherSetups;

namespace Gateway.UnitTests.Scheduling;

public sealed class StatisticsTests
{
    private readonly PuppetStage _stage = new();
    private readonly ManualTimeProvider _time = new();

    // Bucket i counts what is at most 2^i µs.
    [Theory]
    [InlineData(-5, 0)]
    [InlineData(0, 0)]
    [InlineData(1000, 0)]
    [InlineData(1001, 1)]
    [InlineData(2000, 1)]
    [InlineData(2001, 2)]
    [InlineData(4000, 2)]
    [InlineData(8_388_608_000, 23)]
    [InlineData(8_388_608_001, 24)]
    [InlineData(long.MaxValue / 2, 24)]
    public void Histogram_Sample_FallsIntoItsBucket(long nanoseconds, int bucket)
    {
        DurationHistogram histogram = new();

        histogram.Add(nanoseconds);

        Assert.Equal(1, histogram.Counts[bucket]);
        Assert.Equal((1, Math.Max(0, nanoseconds)), (histogram.Count, histogram.TotalNanoseconds));
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    [InlineData(3, 2)]
    [InlineData(4, 2)]
    [InlineData(4096, 12)]
    [InlineData(4097, 13)]
    [InlineData(1_000_000, 13)]
    public void BatchSizes_Rows_FallIntoTheirBucket(int rows, int bucket)
    {
        ModelCounts counts = new();

        counts.CountBatchSize(rows);

        Assert.Equal(1, counts.BatchSizes[bucket]);
    }

    [Fact]
    public async Task Deadline_MetAndMissed_IsCountedByRowsWithHowFarItWasPredicted()
    {
        await using TestModel model = new(Puppets(_stage, _time));
        model.ProfileTenths(_time);
        await model.WhenIdleAsync();
        foreach ((int afterMilliseconds, long[] values) in ((int, long[])[])[(150, [1, 2]), (250, [3, 4, 5])])
        {
            Sent sent = model.SendWithTimeout(200_000, values);
            PuppetRun run = await _stage.NextAsync();
            _time.Advance(TimeSpan.FromMilliseconds(afterMilliseconds));
            run.Succeed();
            await AssertServedAsync(sent, values);
            await model.WhenIdleAsync();
        }

        ModelCounts counts = model.Counts;
        Assert.Equal((2, 1, 3), (counts.RowsInTime, counts.LateRequests, counts.LateRows));

        // 102 and then about 108 ms were expected, and 150 and 250 came.
        Assert.Equal(2, counts.PredictionError.Count);
        Assert.InRange(counts.PredictionError.TotalNanoseconds, 180e6, 200e6);
    }

    // As in Triton it bounds the wait: what has waited less is in time, however long it runs.
    [Fact]
    public async Task QueueTimeout_PassedDuringTheRun_IsNoMiss()
    {
        BatchingPolicy policy = Policy with { QueuePolicies = [new QueuePolicyTimes { Timeout = _time.Ticks(TimeSpan.FromMilliseconds(100)) }] };
        await using TestModel model = new(Puppets(_stage, _time, policy));
        Sent sent = model.Send(1, 2);
        PuppetRun run = await _stage.NextAsync();
        _time.Advance(TimeSpan.FromMilliseconds(150));
        run.Succeed();
        await AssertServedAsync(sent, 1, 2);

        Assert.Equal((2, 0, 0), (model.Counts.RowsInTime, model.Counts.LateRequests, model.Counts.LateRows));
    }

    [Fact]
    public async Task Counts_OfTwoBatches_AddUp()
    {
        await using TestModel model = new(Puppets(_stage, _time));
        Sent first = model.Send(1);
        PuppetRun run = await _stage.NextAsync();
        Sent[] later = [model.Send(2, 3), model.Send(4)];
        _time.Advance(TimeSpan.FromMilliseconds(1));
        run.Succeed();
        run = await _stage.NextAsync();
        _time.Advance(TimeSpan.FromMilliseconds(2));
        run.Succeed();
        foreach (Sent sent in (Sent[])[first, .. later]) await sent.AnswerAsync();

        ModelCounts counts = model.Counts;

        Assert.Equal((3, 3, 4, 2, 0), (counts.Accepted, counts[RequestOutcome.Succeeded], counts.Inferences, counts.Executions, counts.FailedExecutions));
        Assert.Equal(2, counts.CloseReasons[(int)CloseReason.Immediate]);
        Assert.Equal(_time.GetUtcNow(), counts.LastInference);
        Assert.Equal(3, counts.Request.Count);

        // The later two waited for 1 ms each; the first ran for 1 ms, the others for 2.
        AssertMilliseconds(2, counts.Queue);
        AssertMilliseconds(5, counts.ComputeInfer);
        Assert.Equal(3, counts.RunNanoseconds / 1e6, 0.001);
        AssertMilliseconds(7, counts.Request);
        AssertMilliseconds(0, counts.ComputeInput);
        AssertMilliseconds(0, counts.ComputeOutput);
    }

    private static void AssertMilliseconds(double expected, DurationHistogram histogram) => Assert.Equal(expected, histogram.TotalNanoseconds / 1e6, 0.001);
}
