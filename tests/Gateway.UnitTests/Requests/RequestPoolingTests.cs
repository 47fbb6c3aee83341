using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Requests;

public sealed class RequestPoolingTests
{
    private readonly PuppetStage _stage = new();

    [Fact]
    public async Task Dispose_AfterAFailure_TheNextRenterFindsItAsNew()
    {
        await using TestModel model = new(new TestModelSetup { CreateExecutor = _stage.CreateExecutor });
        InferenceRequest used = model.RequestOf([1, 2], 2, 1);
        used.Id = "first";
        used.Priority = 1;
        used.LimitTime(1_000_000_000);
        ValueTask completion = model.Model.InferAsync(used);
        (await _stage.NextAsync()).Fail("broken");
        await completion;
        used.Cancel();
        used.Dispose();

        InferenceRequest again = model.Model.RentRequest();

        Assert.Same(used, again);
        Assert.Equal(("", 0, 0L, QueueEntry.NoDeadline, QueueEntry.NoDeadline), (again.Id, again.Priority, again.TimeoutMicroseconds, again.Deadline, again.DueAt));
        Assert.Equal((1, 0, 0UL, RequestState.Initialized), (again.Rows, again.RowsTaken, again.ShapeKey, again.State));
        Assert.Equal((StatusCode.Ok, null, false, null), (again.Status, again.Error, again.IsCancelled, again.Block));
        Assert.False(again.Inputs[0].IsPresent);
        again.Dispose();
    }

    [Fact]
    public async Task Dispose_Used_CanBeAwaitedAgain()
    {
        await using TestModel model = new(new TestModelSetup { CreateExecutor = _stage.CreateExecutor });
        for (int i = 0; i < 3; i++)
        {
            Sent sent = model.Send(i);
            (await _stage.NextAsync()).Succeed();
            Assert.Equal([PuppetRun.Answer(i)], (await sent.AnswerAsync()).Values);
        }
    }

    [Fact]
    public async Task InferAsync_Misfit_ThrowsAndStaysTheCallers()
    {
        await using TestModel model = new(new TestModelSetup { CreateExecutor = _stage.CreateExecutor });
        using InferenceRequest request = model.RequestOf([1, 2, 3], 2, 1);

        await Assert.ThrowsAsync<InferenceException>(async () => await model.Model.InferAsync(request));

        Assert.Equal((RequestState.Initialized, 0), (request.State, model.Counts.Accepted));
    }
}
