using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol;
using Gateway.TestSupport;
using static Gateway.UnitTests.Scheduling.BatcherSetups;

namespace Gateway.UnitTests.Scheduling;

public sealed class StopTests
{
    private const string Stopping = "Server is stopping, scheduler for model has stopped accepting new inference requests";

    private readonly PuppetStage _stage = new();
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public async Task Stop_Idle_EndsAtOnce()
    {
        await using TestModel model = new(Puppets(_stage, _time) with { Instances = 3 });

        Assert.Equal(0, await model.StopAsync(TimeSpan.FromHours(1)));
    }

    [Fact]
    public async Task Stop_InTime_FinishesWhatWasAccepted()
    {
        await using TestModel model = new(Puppets(_stage, _time, Policy with { MaxQueueDelay = 1_000_000 }));
        Sent[] sent = [model.Send(0, 0, 0, 0), model.Send(1), model.Send(2)];
        PuppetRun run = await _stage.NextAsync();

        Task<int> stopped = model.StopAsync(TimeSpan.FromHours(1));
        run.Succeed();
        PuppetRun last = await _stage.NextAsync();
        last.Succeed();

        Assert.Equal(0, await stopped);
        Assert.Equal(CloseReason.Draining, last.CloseReason);
        await AssertServedAsync(sent[2], 2);
        Assert.Equal(0, _stage.Terminations);
    }

    [Fact]
    public async Task Stop_WaitingForCompany_DoesNotWaitAnyMore()
    {
        await using TestModel model = new(Puppets(_stage, _time, Policy with { MaxQueueDelay = 1_000_000 }));
        Sent sent = model.Send(1);

        Task<int> stopped = model.StopAsync(TimeSpan.FromHours(1));
        (await _stage.NextAsync()).Succeed();

        Assert.Equal(0, await stopped);
        await AssertServedAsync(sent, 1);
    }

    [Fact]
    public async Task Send_AfterStop_IsRefused()
    {
        await using TestModel model = new(Puppets(_stage, _time));
        await model.StopAsync(TimeSpan.Zero);

        await AssertRefusedAsync(model.Send(1), StatusCode.Unavailable, Stopping);
        Assert.Equal((1, 1), (model.Counts.Accepted, model.Counts[RequestOutcome.Rejected]));
    }

    [Fact]
    public async Task Send_WhileStopping_IsRefused()
    {
        await using TestModel model = new(Puppets(_stage, _time));
        model.Send(1);
        PuppetRun run = await _stage.NextAsync();
        Task<int> stopped = model.StopAsync(TimeSpan.FromHours(1));

        await AssertRefusedAsync(model.Send(2), StatusCode.Unavailable, Stopping);
        run.Succeed();

        Assert.Equal(0, await stopped);
    }

    [Fact]
    public async Task Stop_GraceIsOver_RefusesTheQueueAndCutsRunsShort()
    {
        await using TestModel model = new(Puppets(_stage, _time) with { Instances = 2 });
        Sent[] running = [model.Send(1, 2, 3, 4), model.Send(5, 6, 7, 8)];
        await _stage.NextAsync();
        await _stage.NextAsync();
        Sent queued = model.Send(9);
        Task<int> stopped = model.StopAsync(TimeSpan.FromSeconds(3));

        _time.Advance(TimeSpan.FromSeconds(3) - TimeSpan.FromMilliseconds(1));
        Assert.False(queued.IsAnswered || stopped.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal(3, await stopped);
        await AssertRefusedAsync(queued, StatusCode.Unavailable, "Server stopped before the request could be served");
        await AssertRefusedAsync(running[0], StatusCode.Internal, "terminated");
        await AssertRefusedAsync(running[1], StatusCode.Internal, "terminated");
        Assert.Equal(2, _stage.Terminations);
    }

    [Fact]
    public async Task Stop_GraceIsOver_TerminatedBatchIsNotRunAgain()
    {
        await using TestModel model = new(Puppets(_stage, _time));
        model.Send(0);
        PuppetRun busy = await _stage.NextAsync();
        for (int i = 1; i < 4; i++) model.Send(i);
        busy.Succeed();
        await _stage.NextAsync();

        Assert.Equal(3, await model.StopAsync(TimeSpan.Zero));

        Assert.Equal(1, model.Counts.FailedExecutions);
    }

    [Fact]
    public async Task Stop_GraceIsOverWithASplitHalfRun_AnswersItOnce()
    {
        await using TestModel model = new(Puppets(_stage, _time));
        Sent split = model.Send(1, 2, 3, 4, 5, 6);
        await _stage.NextAsync();

        Assert.Equal(1, await model.StopAsync(TimeSpan.Zero));

        await AssertRefusedAsync(split, StatusCode.Unavailable, "Server stopped before the request could be served");
        Assert.Equal(1, model.Counts.Outcomes.Sum());
    }

    [Fact]
    public async Task Stop_RunIgnoresBeingCutShort_IsLeftAloneAfterTheLastPatience()
    {
        await using TestModel model = new(Puppets(_stage, _time));
        _stage.IgnoresTermination = true;
        model.Send(1);
        PuppetRun run = await _stage.NextAsync();

        Task<int> stopped = model.StopAsync(TimeSpan.Zero);
        while (_stage.Terminations == 0) await Task.Yield();
        Assert.False(stopped.IsCompleted);

        // The wait for the run begins on another thread, a moment after the termination: time passes until it has begun, and then is over.
        while (!stopped.IsCompleted)
        {
            _time.Advance(DynamicBatcher.CutShortPatience);
            await Task.Yield();
        }

        Assert.Equal(1, await stopped);
        Assert.True(model.Batcher.HasHung);
        run.Succeed();
    }

    [Fact]
    public async Task Stop_CalledAgain_WaitsForTheFirst()
    {
        await using TestModel model = new(Puppets(_stage, _time));
        model.Send(1);
        PuppetRun run = await _stage.NextAsync();

        Task<int> first = model.StopAsync(TimeSpan.FromHours(1));
        Task<int> second = model.StopAsync(TimeSpan.Zero);
        Assert.False(second.IsCompleted);
        run.Succeed();

        Assert.Equal((0, 0), (await first, await second));
        Assert.Equal(0, _stage.Terminations);
    }
}
