using Gateway.Core.Requests;
using Gateway.Protocol;
using Gateway.TestSupport;
using static Gateway.UnitTests.Scheduling.BatcherSetups;

namespace Gateway.UnitTests.Caching;

/// <summary>Answers that are being read from a disk, while deadlines pass, callers give up, all is deleted, or the disk does not answer.</summary>
public sealed class SlowDiskTests
{
    private readonly PuppetStage _stage = new();
    private readonly ManualTimeProvider _time = new();
    private readonly HeldDisk _disk = new();

    [Fact]
    public async Task Disk_DoesNotAnswer_TheRequestIsRunAndInTheEndNobodyAsksIt()
    {
        await using CachedModel model = await MakeAsync();
        Sent leader = model.Send(5);
        Sent follower = model.Send(5);
        Assert.Equal((1, 0), (_disk.Reads, _stage.Waiting));
        _time.Advance(TimeSpan.FromMilliseconds(101));
        (await _stage.NextAsync()).Succeed();
        await AssertServedAsync(leader, 5);
        await AssertServedAsync(follower, 5);
        Assert.Null(_disk.GivenUpBecause);
        _time.Advance(TimeSpan.FromSeconds(5.1));
        Assert.Equal("it has answered nothing for 5 seconds", _disk.GivenUpBecause);

        // What it says in the end is nobody's.
        _disk.Answer();
        Assert.Equal((0, 2, 1), (model.Counts.Hits, model.Counts.Misses, model.Counts.Joins));
    }

    [Fact]
    public async Task Disk_AnswersLate_IsNotGivenUp()
    {
        await using CachedModel model = await MakeAsync();
        for (int i = 0; i < 3; i++)
        {
            Sent leader = model.Send(5);
            _time.Advance(TimeSpan.FromMilliseconds(101));
            (await _stage.NextAsync()).Succeed();
            await AssertServedAsync(leader, 5);
            _time.Advance(TimeSpan.FromSeconds(3));
            _disk.Answer();
            await model.Cache.FlushAsync();
        }

        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Null(_disk.GivenUpBecause);
    }

    [Fact]
    public async Task Deadline_WhileTheDiskIsRead_Holds()
    {
        await using CachedModel model = await MakeAsync();
        InferenceRequest request = model.Model.Request(5);
        request.LimitTime(50_000);
        Sent leader = model.Model.Send(request);
        _time.Advance(TimeSpan.FromMilliseconds(49));
        Assert.False(leader.IsAnswered);
        _time.Advance(TimeSpan.FromMilliseconds(2));
        await AssertRefusedAsync(leader, StatusCode.Unavailable, "Request timeout expired");
        _disk.Answer();
    }

    [Fact]
    public async Task Cancel_WhileTheDiskIsRead_IsAnsweredAtOnceAndTheNextIsRun()
    {
        await using CachedModel model = await MakeAsync();
        Sent leader = model.Send(5);
        Sent follower = model.Send(5);
        leader.Cancel();
        await AssertRefusedAsync(leader, StatusCode.Cancelled, "Request was cancelled");
        (await _stage.NextAsync()).Succeed();
        await AssertServedAsync(follower, 5);
        _disk.Answer();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Clear_WhileTheDiskIsRead_NobodyGetsWhatWasDeleted(bool ofAll)
    {
        await using CachedModel model = await MakeAsync();
        Sent leader = model.Send(5);
        Sent before = model.Send(5);
        _time.Advance(TimeSpan.FromMilliseconds(2));
        Assert.NotNull(model.Cache.Clear(ofAll ? null : "m"));
        _time.Advance(TimeSpan.FromMilliseconds(2));
        Sent after = model.Send(5);
        Assert.Equal(2, _disk.Reads);
        _disk.Answer();
        for (int runs = 0; runs < 2; runs++) (await _stage.NextAsync()).Succeed();
        foreach (Sent sent in new[] { leader, before, after }) await AssertServedAsync(sent, 5);
        Assert.Equal(0, model.Counts.Hits);
    }

    [Fact]
    public async Task MaxAge_OfAFollower_IsItsOwn()
    {
        await using CachedModel model = await MakeAsync();
        _time.Advance(TimeSpan.FromSeconds(100));
        Sent leader = model.Send(5);
        InferenceRequest request = model.Model.Request(5);
        request.CacheMaxAgeSeconds = 1;
        Sent picky = model.Model.Send(request);
        Sent content = model.Send(5);
        _disk.Answer();
        await AssertServedAsync(leader, 5);
        await AssertServedAsync(content, 5);
        Assert.False(picky.IsAnswered);
        (await _stage.NextAsync()).Succeed();
        await AssertServedAsync(picky, 5);
        Assert.Equal((2, 2), (model.Counts.Hits, model.Counts.Misses));
    }

    [Fact]
    public async Task Disk_HasNoReadLeft_WhatTakesTheEntrysPlaceIsCountedOnce()
    {
        await using CachedModel model = await MakeAsync();
        _disk.MostReads = 0;
        Sent sent = model.Send(5);
        (await _stage.NextAsync()).Succeed();
        await AssertServedAsync(sent, 5);
        _disk.Holds = null;
        await model.Cache.FlushAsync();

        Assert.Equal(2, model.Counts.Misses);
        Assert.Equal(1, model.Cache.Usage()!.Entries);
    }

    /// <summary>A model with the answer for 5 on the disk.</summary>
    private async Task<CachedModel> MakeAsync()
    {
        CachedModel model = new(Puppets(_stage, _time, Policy with { MaxBatchRows = 1 }), disk: _disk);
        Sent sent = model.Send(5);
        (await _stage.NextAsync()).Succeed();
        await AssertServedAsync(sent, 5);
        await model.Cache.FlushAsync();
        _disk.Holds = _ => true;
        return model;
    }
}
