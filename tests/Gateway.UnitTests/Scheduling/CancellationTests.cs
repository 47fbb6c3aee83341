using Gateway.Core.Requests;
using Gateway.Protocol;
using Gateway.TestSupport;
using static Gateway.UnitTests.Scheduling.BatcherSetups;

namespace Gateway.UnitTests.Scheduling;

public sealed class CancellationTests
{
    private const string Cancelled = "Request was cancelled";

    private readonly PuppetStage _stage = new();
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public async Task Cancel_BeforeItIsSent_IsNotRun()
    {
        await using TestModel model = new(Puppets(_stage, _time));
        InferenceRequest request = model.Request(1);
        request.Cancel();

        await AssertRefusedAsync(model.Send(request), StatusCode.Cancelled, Cancelled);
        Assert.Equal(0, _stage.Waiting);
        Assert.Equal(1, model.Counts[RequestOutcome.Cancelled]);
    }

    [Fact]
    public async Task Cancel_Queued_IsAnsweredAtOnceAndNotRun()
    {
        await using TestModel model = new(Puppets(_stage, _time));
        model.Send(0);
        PuppetRun run = await _stage.NextAsync();
        Sent goes = model.Send(1);
        Sent stays = model.Send(2);

        goes.Cancel();
        await AssertRefusedAsync(goes, StatusCode.Cancelled, Cancelled);
        run.Succeed();
        PuppetRun next = await _stage.NextAsync();
        next.Succeed();

        Assert.Equal([2], next.Values);
        await AssertServedAsync(stays, 2);
    }

    [Fact]
    public async Task Cancel_Executing_ThrowsOnlyItsOwnAnswerAway()
    {
        await using TestModel model = new(Puppets(_stage, _time));
        model.Send(0);
        PuppetRun busy = await _stage.NextAsync();
        Sent goes = model.Send(1);
        Sent stays = model.Send(2);
        busy.Succeed();
        PuppetRun run = await _stage.NextAsync();

        goes.Cancel();
        Assert.False(goes.IsAnswered);
        run.Succeed();

        await AssertRefusedAsync(goes, StatusCode.Cancelled, Cancelled);
        await AssertServedAsync(stays, 2);
    }

    [Fact]
    public async Task Cancel_Twice_CountsOnce()
    {
        await using TestModel model = new(Puppets(_stage, _time));
        model.Send(0);
        await _stage.NextAsync();
        Sent sent = model.Send(1);

        sent.Cancel();
        sent.Request.Cancel();
        await sent.AnswerAsync();

        Assert.Equal(1, model.Counts[RequestOutcome.Cancelled]);
    }

    [Fact]
    public async Task Cancel_HeadThatWaitsForCompany_LetsTheOthersGoOnWaiting()
    {
        await using TestModel model = new(Puppets(_stage, _time, Policy with { MaxQueueDelay = 1000 }));
        await model.WhenIdleAsync();
        Sent goes = model.Send(1);
        _time.Advance(600);
        Sent stays = model.Send(2);

        goes.Cancel();
        _time.Advance(999);
        Assert.Equal(1, model.Batcher.PendingRequests);
        _time.Advance(1);
        (await _stage.NextAsync()).Succeed();

        await AssertServedAsync(stays, 2);
    }

    [Fact]
    public async Task Cancel_SplitWithRowsWaiting_EndsWithItsRunningPart()
    {
        await using TestModel model = new(Puppets(_stage, _time));
        Sent split = model.Send(1, 2, 3, 4, 5, 6);
        PuppetRun run = await _stage.NextAsync();

        split.Cancel();
        Assert.Equal((0, false), (model.Batcher.PendingRequests, split.IsAnswered));
        run.Succeed();

        await AssertRefusedAsync(split, StatusCode.Cancelled, Cancelled);
        Assert.Equal(4, model.Counts.Inferences);
    }

    [Fact]
    public async Task Cancel_SplitAllOfItRunning_IsCancelled()
    {
        await using TestModel model = new(Puppets(_stage, _time) with { Instances = 2 });
        Sent split = model.Send(1, 2, 3, 4, 5, 6);
        PuppetRun[] runs = [await _stage.NextAsync(), await _stage.NextAsync()];

        runs[0].Succeed();
        await WhenIdleCountIsAsync(model, 1);
        split.Cancel();
        runs[1].Succeed();

        await AssertRefusedAsync(split, StatusCode.Cancelled, Cancelled);
    }

    [Fact]
    public async Task Cancel_Answered_DoesNothing()
    {
        await using TestModel model = new(Puppets(_stage, _time));
        InferenceRequest request = model.Request(1);
        ValueTask completion = model.Model.InferAsync(request);
        (await _stage.NextAsync()).Succeed();
        await completion;

        request.Cancel();

        Assert.Equal(StatusCode.Ok, request.Status);
        request.Dispose();
    }

    private static async Task WhenIdleCountIsAsync(TestModel model, int count)
    {
        while (model.Batcher.IdleInstances < count) await Task.Yield();
    }
}
