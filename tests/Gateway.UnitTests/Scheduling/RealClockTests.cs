using Gateway.Core.Scheduling;
using Gateway.Protocol;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Scheduling;

/// <summary>The batcher's timer on the real clock: that it fires, not when.</summary>
public sealed class RealClockTests
{
    private readonly PuppetStage _stage = new();

    [Fact]
    public async Task RealClockDelay_NobodyElseComes_EndsByItself()
    {
        await using TestModel model = new(new TestModelSetup
        {
            CreateExecutor = _stage.CreateExecutor,
            Policy = new BatchingPolicy { MaxBatchRows = 8, MaxQueueDelay = TimeProvider.System.TimestampFrequency / 500 },
        });
        await model.WhenIdleAsync();
        Sent sent = model.Send(1);

        PuppetRun run = await _stage.NextAsync();
        run.Succeed();

        Assert.Equal(CloseReason.DelayExpired, run.CloseReason);
        await sent.AnswerAsync();
    }

    [Fact]
    public async Task RealClockTimeout_InstanceBusy_IsRefused()
    {
        await using TestModel model = new(new TestModelSetup { CreateExecutor = _stage.CreateExecutor });
        model.Send(0);
        await _stage.NextAsync();

        Answer answer = await model.SendWithTimeout(1500, 1).AnswerAsync();

        Assert.Equal(StatusCode.Unavailable, answer.Status);
    }
}
