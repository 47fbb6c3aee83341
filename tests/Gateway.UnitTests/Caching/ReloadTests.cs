using Gateway.Core.Caching;
using Gateway.Core.Scheduling;
using Gateway.TestSupport;
using static Gateway.UnitTests.Scheduling.BatcherSetups;

namespace Gateway.UnitTests.Caching;

/// <summary>What a cache does while its model is loaded anew, and when that fails.</summary>
public sealed class ReloadTests
{
    private readonly PuppetStage _stage = new();
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public async Task Reload_OtherFiles_NothingOfBeforeIsUsed()
    {
        await using CachedModel model = new(Puppets(_stage, _time), generation: 1);
        await RunAsync(model, 5);
        await model.ReloadAsync(Puppets(_stage, _time), generation: 2);
        await RunAsync(model, 5);

        Assert.Equal((0, 2), (model.Counts.Hits, model.Counts.Misses));
        Assert.Equal(1, model.Cache.Usage()!.Entries);
    }

    [Fact]
    public async Task Reload_SameFiles_WhatWasKeptStaysAndCounts()
    {
        await using CachedModel model = new(Puppets(_stage, _time), generation: 1);
        await RunAsync(model, 5);
        await model.ReloadAsync(Puppets(_stage, _time), generation: 1);
        await AssertServedAsync(model.Send(5), 5);

        Assert.Equal((1, 1), (model.Counts.Hits, model.Counts.Misses));
        Assert.Equal(1, model.Cache.Usage()!.Entries);
        Assert.Equal(1, model.Cache.Clear("m"));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Reload_Fails_TheOldOneIsStillTheCaches(int generation)
    {
        await using CachedModel model = new(Puppets(_stage, _time), generation: 1);
        await RunAsync(model, 5);
        await model.ReloadAsync(Puppets(_stage, _time), (UInt128)generation, isGood: false);
        Assert.Equal(1, model.Cache.Usage()!.Entries);
        await AssertServedAsync(model.Send(5), 5);

        // Before, nothing of it was found any more by what deletes.
        Assert.Equal(1, model.Cache.Clear("m"));
        _time.Advance(TimeSpan.FromMilliseconds(1));
        await RunAsync(model, 5);
        Assert.Equal(1, model.Counts.Hits);
    }

    [Theory]
    [InlineData(new[] { 1 })]
    [InlineData(new[] { 2, 1 })]
    public async Task Reload_DeletedAfterTheClockWasSetBack_StaysDeletedAndWhatComesIsKept(int[] generations)
    {
        TestModelSetup setup = new() { Time = _time, CreateExecutor = (_, pool, clock) => new NumberModel(pool, clock, 1) };
        await using CachedModel model = new(setup, generation: 1);
        _time.SetForward = TimeSpan.FromMinutes(30);
        await AskAsync(0, hits: 0);
        _time.SetForward = TimeSpan.Zero;
        Assert.Equal(10, model.Cache.Clear("m"));
        foreach (int generation in generations) await model.ReloadAsync(setup, (UInt128)generation);
        await model.Cache.FlushAsync();
        await AskAsync(100, hits: 0);
        await AskAsync(100, hits: 10);
        await model.ReloadAsync(setup, generation: 1);
        await AskAsync(100, hits: 10);

        // As it was when those were made that were deleted.
        _time.SetForward = TimeSpan.FromMinutes(30);
        await AskAsync(0, hits: 0);
        await AskAsync(100, hits: 10);
        _time.SetForward = TimeSpan.FromMinutes(60);
        await AskAsync(100, hits: 10);

        async Task AskAsync(int from, int hits)
        {
            long before = model.Counts.Hits;
            for (int i = from; i < from + 10; i++) Assert.Equal([NumberModel.Answer(i)], (await model.Send(i).AnswerAsync()).Values);
            await model.Cache.FlushAsync();
            Assert.Equal(hits, model.Counts.Hits - before);
        }
    }

    [Fact]
    public async Task TurnsAway_QueueFull_OnlyWhatAsksToBeRun()
    {
        await using CachedModel model = new(Puppets(_stage, _time, Policy with { MaxQueueRequests = 1 }));
        await RunAsync(model, 5);
        Sent running = model.Send(CacheUse.Bypass, 1);
        PuppetRun run = await _stage.NextAsync();
        Sent waiting = model.Send(CacheUse.Bypass, 2);

        Assert.False(model.Model.Model.TurnsAway(0, out _));
        Assert.False(model.Model.Model.TurnsAway(0, out _, use: CacheUse.NoStore));
        Assert.True(model.Model.Model.TurnsAway(0, out EarlyRefusal refusal, use: CacheUse.Refresh));
        Assert.Equal(RefusalReason.QueueFull, refusal.Reason);

        // A hit needs no place in the queue.
        await AssertServedAsync(model.Send(5), 5);
        run.Succeed();
        (await _stage.NextAsync()).Succeed();
        await AssertServedAsync(running, 1);
        await AssertServedAsync(waiting, 2);
    }

    private async Task RunAsync(CachedModel model, long value)
    {
        Sent sent = model.Send(value);
        (await _stage.NextAsync()).Succeed();
        await AssertServedAsync(sent, value);
        await model.Cache.FlushAsync();
    }
}
