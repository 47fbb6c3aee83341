using Gateway.Core.Caching;
using Gateway.Core.Requests;
using Gateway.Protocol;
using Gateway.TestSupport;
using static Gateway.UnitTests.Scheduling.BatcherSetups;

namespace Gateway.UnitTests.Caching;

/// <summary>Models without a cache.</summary>
public sealed class NoCacheTests
{
    private readonly PuppetStage _stage = new();
    private readonly ManualTimeProvider _time = new();

    /// <summary>As by a cache that has not got its answer: at once, however full the queue is, and before it is read as little as after.</summary>
    [Fact]
    public async Task OnlyIfCached_IsRefusedAndNotRun_HoweverBusyItIs()
    {
        await using TestModel model = new(Puppets(_stage, _time, Policy with { MaxQueueRequests = 1, MaxBatchRows = 1 }));
        Sent running = model.Send(1);
        PuppetRun run = await _stage.NextAsync();
        Sent waiting = model.Send(2);
        Assert.True(model.Model.TurnsAway(1000, out _));

        Assert.False(model.Model.TurnsAway(1000, out _, use: CacheUse.OnlyIfCached));
        await AssertRefusedAsync(Send(model, CacheUse.OnlyIfCached, 3), StatusCode.NotCached, "The cache has no answer, and the request is not to be run (only-if-cached)");
        await AssertRefusedAsync(Send(model, CacheUse.OnlyIfCached | CacheUse.Bypass, 3), StatusCode.NotCached, "The cache has no answer, and the request is not to be run (only-if-cached)");

        run.Succeed();
        await AssertServedAsync(running, 1);
        (await _stage.NextAsync()).Succeed();
        await AssertServedAsync(waiting, 2);
        Assert.Equal((2, 3), (model.Counts.Executions, model.Counts[RequestOutcome.Rejected]));
    }

    private static Sent Send(TestModel model, CacheUse use, long value)
    {
        InferenceRequest request = model.Request(value);
        request.CacheUse = use;
        return model.Send(request);
    }
}
