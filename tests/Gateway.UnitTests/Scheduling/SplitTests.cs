using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;
using Gateway.TestSupport;
using static Gateway.UnitTests.Scheduling.BatcherSetups;

namespace Gateway.UnitTests.Scheduling;

/// <summary>Requests of more rows than one batch may have.</summary>
public sealed class SplitTests
{
    private readonly PuppetStage _stage = new();
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public async Task Split_OneInstance_IsRejoinedInOrder()
    {
        await using TestModel model = new(Puppets(_stage, _time));
        Sent split = model.Send(1, 2, 3, 4, 5, 6, 7, 8, 9);
        Sent other = model.Send(10);

        for (int i = 0; i < 3; i++) (await _stage.NextAsync()).Succeed();

        await AssertServedAsync(split, 1, 2, 3, 4, 5, 6, 7, 8, 9);
        await AssertServedAsync(other, 10);
        Assert.Equal((3, 10), (model.Counts.Executions, model.Counts.Inferences));
    }

    [Fact]
    public async Task Split_SeveralInstancesEndInAnyOrder_IsRejoinedInOrder()
    {
        await using TestModel model = new(Puppets(_stage, _time) with { Instances = 3 });
        Sent split = model.Send(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
        PuppetRun[] runs = [await _stage.NextAsync(), await _stage.NextAsync(), await _stage.NextAsync()];

        foreach (PuppetRun run in runs.OrderByDescending(run => run.Values[0])) run.Succeed();

        await AssertServedAsync(split, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
    }

    [Fact]
    public async Task Split_OnePartFails_FailsOnceAndRunsNoMoreOfIt()
    {
        await using TestModel model = new(Puppets(_stage, _time, Policy with { BisectsFailedBatches = false }));
        Sent split = model.Send(1, 2, 3, 4, 5, 6, 7, 8, 9);
        Sent other = model.Send(20);

        (await _stage.NextAsync()).Succeed();
        (await _stage.NextAsync()).Fail("second part");
        PuppetRun third = await _stage.NextAsync();
        third.Succeed();

        await AssertRefusedAsync(split, StatusCode.Internal, "second part");
        Assert.Equal([20], third.Values);
        await AssertServedAsync(other, 20);
        Assert.Equal(1, model.Counts[RequestOutcome.Failed]);
    }

    [Fact]
    public async Task Split_OnePartFailsWhileAnotherRuns_WaitsForThatOne()
    {
        await using TestModel model = new(Puppets(_stage, _time) with { Instances = 2 });
        Sent split = model.Send(1, 2, 3, 4, 5, 6);
        PuppetRun[] runs = [await _stage.NextAsync(), await _stage.NextAsync()];

        runs[0].Fail("broken");
        while (model.Batcher.IdleInstances == 0) await Task.Yield();
        Assert.False(split.IsAnswered);
        runs[1].Succeed();

        await AssertRefusedAsync(split, StatusCode.Internal, "broken");
    }

    [Fact]
    public async Task Split_TimesOutHalfRun_EndsWithItsRunningPart()
    {
        await using TestModel model = new(Puppets(_stage, _time, Policy with { QueuePolicies = [new QueuePolicyTimes(1000, false, false, 0)] }));
        Sent split = model.Send(1, 2, 3, 4, 5, 6);
        PuppetRun run = await _stage.NextAsync();

        _time.Advance(1000);
        Assert.False(split.IsAnswered);
        run.Succeed();

        await AssertRefusedAsync(split, StatusCode.Unavailable, "Request timeout expired");
        Assert.Equal(1, model.Counts[RequestOutcome.Expired]);
    }

    // The first part took half as long again: the others could not be in time any more.
    [Fact]
    public async Task Split_CannotBeInTimeAnyMore_IsRefusedAndItsRowsAreCounted()
    {
        await using TestModel model = new(Puppets(_stage, _time));
        model.ProfileTenths(_time);
        Sent split = model.SendWithTimeout(320_000, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
        PuppetRun run = await _stage.NextAsync();

        _time.Advance(TimeSpan.FromMilliseconds(150));
        Assert.False(split.IsAnswered);
        run.Succeed();

        Answer answer = await split.AnswerAsync();
        Assert.Equal(StatusCode.Unavailable, answer.Status);
        Assert.Equal((1, 1), (model.Counts[RequestOutcome.Rejected], model.Counts.Refusals[(int)RefusalReason.DeadlineUnreachable]));
        Assert.Equal((1, 4), (model.Counts.Executions, model.Counts.AbandonedRows));
    }

    // Another has gone before the second part; no part of it runs when it is cancelled.
    [Fact]
    public async Task Split_IsCancelledBetweenItsParts_ItsRowsAreCounted()
    {
        await using TestModel model = new(Puppets(_stage, _time));
        model.ProfileTenths(_time);
        Sent split = model.Send(1, 2, 3, 4, 5, 6, 7, 8);
        PuppetRun first = await _stage.NextAsync();
        Sent other = model.SendWithTimeout(10_000_000, 10);
        first.Succeed();
        PuppetRun second = await _stage.NextAsync();

        split.Cancel();

        await AssertRefusedAsync(split, StatusCode.Cancelled, "Request was cancelled");
        Assert.Equal((1, 4), (model.Counts[RequestOutcome.Cancelled], model.Counts.AbandonedRows));
        second.Succeed();
        await AssertServedAsync(other, 10);
    }

    // The second has as many bytes as the first, so that only the shapes tell.
    [Theory]
    [InlineData(3, 2)]
    [InlineData(2, 2)]
    public async Task Split_PartsGiveDifferentShapes_Fails(int height, int width)
    {
        TestModelSetup setup = Puppets(_stage, _time) with { Outputs = [TestModelSetup.Tensor("y", DataType.Int64, -1, -1)] };
        await using TestModel model = new(setup);
        Sent split = model.Send(1, 2, 3, 4, 5, 6, 7, 8);

        (await _stage.NextAsync()).Succeed(() => [new(DataType.Int64, new TensorShape([4, 2, 3]), new byte[4 * 6 * 8])]);
        (await _stage.NextAsync()).Succeed(() => [new(DataType.Int64, new TensorShape([4, height, width]), new byte[4 * height * width * 8])]);

        await AssertRefusedAsync(
            split, StatusCode.Internal, "its rows were run in several batches, and the model gave outputs of different shapes for them");
    }

    [Fact]
    public async Task Split_StringOutputs_FailsWithAClearText()
    {
        await using TestModel model = new(Puppets(_stage, _time) with { Outputs = [TestModelSetup.Tensor("y", DataType.Bytes, 1)] });
        Sent split = model.Send(1, 2, 3, 4, 5);

        (await _stage.NextAsync()).Succeed(() => [new(DataType.Bytes, new TensorShape([4, 1]), new byte[16], [0, 4, 8, 12, 16])]);

        await AssertRefusedAsync(
            split, StatusCode.Internal, "the rows of a string output cannot be put together again from several batches; send fewer rows in a request");
    }

    [Fact]
    public async Task Split_NoMemoryForTheWhole_Fails()
    {
        // Room for the request's own block and for one batch's output, not for the 32 KiB that the whole answer takes.
        await using TestModel model = new(Puppets(_stage, _time) with { PoolBytes = (32 * 1024) + 4096 });
        InferenceRequest request = model.Request(new long[4096]);
        Sent split = model.Send(request);

        (await _stage.NextAsync()).Succeed();

        await AssertRefusedAsync(split, StatusCode.Internal, "there is no memory left for the outputs");
    }

    [Fact]
    public async Task Strings_OfOneBatch_EachGetsItsOwnBytes()
    {
        await using TestModel model = new(Puppets(_stage, _time) with { Outputs = [TestModelSetup.Tensor("y", DataType.Bytes, 1)] });
        model.Send(0);
        PuppetRun busy = await _stage.NextAsync();
        InferenceRequest[] requests = [model.Request(1), model.Request(2, 3)];
        ValueTask[] completions = [.. requests.Select(model.Model.InferAsync)];
        busy.Fail("not of interest");

        byte[] raw = [.. Raw("one"), .. Raw("three"), .. Raw("")];
        (await _stage.NextAsync()).Succeed(() => [new(DataType.Bytes, new TensorShape([3, 1]), raw, [0, 7, 16, 20])]);
        foreach (ValueTask completion in completions) await completion;

        Assert.Equal(Raw("one"), requests[0].Outputs[0].Bytes.ToArray());
        Assert.Equal([.. Raw("three"), .. Raw("")], requests[1].Outputs[0].Bytes.ToArray());
        foreach (InferenceRequest request in requests) request.Dispose();

        static byte[] Raw(string text) => [(byte)text.Length, 0, 0, 0, .. System.Text.Encoding.ASCII.GetBytes(text)];
    }
}
