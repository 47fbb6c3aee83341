using Gateway.Core.Caching;
using Gateway.Core.Memory;
using Gateway.Core.Requests;
using Gateway.Protocol;
using Gateway.TestSupport;
using static Gateway.UnitTests.Scheduling.BatcherSetups;

namespace Gateway.UnitTests.Caching;

public sealed class ModelCacheTests
{
    private readonly PuppetStage _stage = new();
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public async Task Infer_Again_IsAHit()
    {
        await using CachedModel model = new(Puppets(_stage, _time));
        await RunAsync(model, 7);
        Sent again = model.Send(7);

        Assert.True(again.IsAnswered);
        await AssertServedAsync(again, 7);
        Assert.Equal((1, 1, 1), (model.Model.Counts.Executions, model.Counts.Hits, model.Counts.Misses));
        Assert.Equal(2, model.Model.Counts[RequestOutcome.Succeeded]);
    }

    [Fact]
    public async Task Infer_SameBytesInAnotherShape_IsAMiss()
    {
        await using CachedModel model = new(Puppets(_stage, _time) with { Inputs = [TestModelSetup.Tensor("x", Protocol.Tensors.DataType.Int64, -1)], Outputs = [TestModelSetup.Tensor("y", Protocol.Tensors.DataType.Int64, -1)] });
        Sent one = model.Model.Send(model.Model.RequestOf([1, 2, 3, 4], 2, 2));
        (await _stage.NextAsync()).Succeed();
        await one.AnswerAsync();
        await model.Cache.FlushAsync();
        Sent other = model.Model.Send(model.Model.RequestOf([1, 2, 3, 4], 1, 4));
        (await _stage.NextAsync()).Succeed();

        Answer answer = await other.AnswerAsync();
        Assert.Equal([1, 4], answer.Shape.Dims.ToArray());
        Assert.Equal(0, model.Counts.Hits);
    }

    [Fact]
    public async Task Infer_ThousandAtOnce_RunOnce()
    {
        await using CachedModel model = new(Puppets(_stage, _time));
        Sent[] herd = [.. Enumerable.Range(0, 1000).Select(_ => model.Send(5))];
        (await _stage.NextAsync()).Succeed();

        foreach (Sent sent in herd) await AssertServedAsync(sent, 5);
        Assert.Equal((1, 1, 999), (model.Model.Counts.Executions, model.Counts.Misses, model.Counts.Joins));
    }

    [Fact]
    public async Task OnlyIfCached_NotThere_IsRefusedAndNotRun()
    {
        await using CachedModel model = new(Puppets(_stage, _time));
        await AssertNotCachedAsync(model.Send(CacheUse.OnlyIfCached, 5));
        await AssertNotCachedAsync(model.Send(CacheUse.OnlyIfCached | CacheUse.Refresh, 5));
        await AssertNotCachedAsync(model.Send(CacheUse.OnlyIfCached | CacheUse.Bypass, 5));
        await RunAsync(model, 5);
        await AssertServedAsync(model.Send(CacheUse.OnlyIfCached, 5), 5);

        Assert.Equal((1, 1, 2), (model.Model.Counts.Executions, model.Counts.Hits, model.Counts.Misses));
        Assert.Equal(3, model.Model.Counts[RequestOutcome.Rejected]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OnlyIfCached_WhileItIsMade_WaitsAndIsNotRunInAnothersPlace(bool isTimed)
    {
        await using CachedModel model = new(Puppets(_stage, _time));
        Sent leader = model.Send(5);
        PuppetRun run = await _stage.NextAsync();
        Sent waiting = SendNotRun(5);
        run.Succeed();
        await AssertServedAsync(leader, 5);
        await AssertServedAsync(waiting, 5);

        Sent blocking = model.Send(CacheUse.Bypass, 1);
        run = await _stage.NextAsync();
        leader = model.Send(6);
        waiting = SendNotRun(6);
        Sent third = model.Send(6);
        leader.Cancel();
        await AssertRefusedAsync(leader, StatusCode.Cancelled, "Request was cancelled");
        await AssertNotCachedAsync(waiting);
        run.Succeed();
        await AssertServedAsync(blocking, 1);
        (await _stage.NextAsync()).Succeed();
        await AssertServedAsync(third, 6);

        Sent SendNotRun(long value)
        {
            InferenceRequest request = model.Model.Request(value);
            request.CacheUse = CacheUse.OnlyIfCached;
            if (isTimed) request.LimitTime(1_000_000);
            return model.Model.Send(request);
        }
    }

    [Fact]
    public async Task Cancel_Leader_TheNextTakesItsPlace()
    {
        await using CachedModel model = new(Puppets(_stage, _time));
        Sent blocking = model.Send(CacheUse.Bypass, 1);
        PuppetRun first = await _stage.NextAsync();
        Sent leader = model.Send(5);
        Sent second = model.Send(5);
        Sent third = model.Send(5);
        leader.Cancel();
        await AssertRefusedAsync(leader, StatusCode.Cancelled, "Request was cancelled");
        first.Succeed();
        (await _stage.NextAsync()).Succeed();

        await AssertServedAsync(blocking, 1);
        await AssertServedAsync(second, 5);
        await AssertServedAsync(third, 5);
        Assert.Equal(2, model.Model.Counts.Executions);
    }

    [Fact]
    public async Task Cancel_OneWhoWaits_IsAnsweredAtOnceAndAlone()
    {
        await using CachedModel model = new(Puppets(_stage, _time));
        Sent leader = model.Send(5);
        PuppetRun run = await _stage.NextAsync();
        Sent second = model.Send(5);
        Sent third = model.Send(5);
        second.Cancel();
        await AssertRefusedAsync(second, StatusCode.Cancelled, "Request was cancelled");
        run.Succeed();

        await AssertServedAsync(leader, 5);
        await AssertServedAsync(third, 5);
    }

    [Fact]
    public async Task Deadline_OfOneWhoWaits_HoldsWhileTheRunGoesOn()
    {
        await using CachedModel model = new(Puppets(_stage, _time));
        Sent leader = Timed(model, 50_000, 5);
        PuppetRun run = await _stage.NextAsync();
        _time.Advance(TimeSpan.FromMilliseconds(10));
        Sent follower = Timed(model, 45_000, 5);
        await AssertExpiresAsync(follower, afterMilliseconds: 45);
        run.Succeed();

        await AssertServedAsync(leader, 5);
    }

    [Fact]
    public async Task Deadline_MoreUrgentThanTheRun_IsRunToo()
    {
        await using CachedModel model = new(Puppets(_stage, _time));
        Sent blocking = model.Send(CacheUse.Bypass, 1);
        PuppetRun first = await _stage.NextAsync();
        Sent leader = model.Send(5);
        Sent urgent = Timed(model, 50_000, 5);
        Sent third = model.Send(5);
        first.Succeed();
        (await _stage.NextAsync()).Succeed();

        await AssertServedAsync(blocking, 1);
        foreach (Sent sent in new[] { leader, urgent, third }) await AssertServedAsync(sent, 5);
        Assert.Equal((2, 1), (model.Counts.Misses, model.Counts.Joins));
    }

    [Fact]
    public async Task Deadline_MoreUrgentThanARunOnTheOnlyInstance_WaitsForIt()
    {
        await using CachedModel model = new(Puppets(_stage, _time));
        Sent leader = model.Send(5);
        PuppetRun run = await _stage.NextAsync();
        Sent urgent = Timed(model, 50_000, 5);
        run.Succeed();

        foreach (Sent sent in new[] { leader, urgent }) await AssertServedAsync(sent, 5);
        Assert.Equal((1, 1, 1), (model.Model.Counts.Executions, model.Counts.Misses, model.Counts.Joins));
    }

    [Fact]
    public async Task Deadline_MoreUrgentThanARunOnOneOfSeveralInstances_IsRunToo()
    {
        await using CachedModel model = new(Puppets(_stage, _time) with { Instances = 2 });
        Sent leader = model.Send(5);
        PuppetRun run = await _stage.NextAsync();
        Sent urgent = Timed(model, 50_000, 5);
        (await _stage.NextAsync()).Succeed();
        await AssertServedAsync(urgent, 5);
        run.Succeed();

        await AssertServedAsync(leader, 5);
        Assert.Equal(2, model.Counts.Misses);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(5, 2)]
    public async Task MaxAge_YoungerThanTheRunUnderWay_IsRun(int secondsSince, int runs)
    {
        await using CachedModel model = new(Puppets(_stage, _time, Policy with { MaxBatchRows = 1 }) with { Instances = 2 });
        Sent leader = model.Send(5);
        PuppetRun run = await _stage.NextAsync();
        _time.Advance(TimeSpan.FromSeconds(secondsSince));
        Sent picky = Younger(4);
        Sent[] after = [model.Send(5), Younger(4)];
        run.Succeed();
        await AssertServedAsync(leader, 5);
        Assert.Equal(runs == 1, picky.IsAnswered);
        if (runs > 1) (await _stage.NextAsync()).Succeed();
        foreach (Sent sent in after.Prepend(picky)) await AssertServedAsync(sent, 5);
        await AssertServedAsync(model.Send(5), 5);
        await model.Cache.FlushAsync();

        // What was asked for last is what is kept.
        await AssertServedAsync(model.Send(5), 5);
        Assert.Equal((runs, 2, 0), (model.Counts.Misses, model.Counts.Hits, model.Counts.HitAgeMilliseconds));
        Assert.Equal(1, model.Cache.Usage()!.Entries);

        Sent Younger(long seconds)
        {
            InferenceRequest request = model.Model.Request(5);
            request.CacheMaxAgeSeconds = seconds;
            return model.Model.Send(request);
        }
    }

    [Fact]
    public async Task Cancel_WhoseRunIsUnderWayForOthers_TheyGetItsAnswer()
    {
        await using CachedModel model = new(Puppets(_stage, _time));
        Sent leader = model.Send(5);
        PuppetRun run = await _stage.NextAsync();
        Sent follower = model.Send(5);
        leader.Cancel();
        run.Succeed();

        await AssertServedAsync(follower, 5);
        Assert.Equal((1, 1), (model.Model.Counts.Executions, model.Counts.Joins));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(200_000)]
    public async Task Cancel_TheMoreUrgentRun_WhoWaitsForItGetsOneInTime(long leadersMicroseconds)
    {
        await using CachedModel model = new(Puppets(_stage, _time, Policy with { MaxBatchRows = 1 }));
        Sent blocking = model.Send(CacheUse.Bypass, 1);
        PuppetRun first = await _stage.NextAsync();
        Sent leader = leadersMicroseconds == 0 ? model.Send(5) : Timed(model, leadersMicroseconds, 5);
        Sent urgent = Timed(model, 50_000, 5);
        Sent third = Timed(model, 150_000, 5);
        Sent fourth = Timed(model, 100_000, 5);
        Assert.Equal((2, 2), (model.Counts.Misses, model.Model.Batcher.Foresee().Queued));
        urgent.Cancel();
        await AssertRefusedAsync(urgent, StatusCode.Cancelled, "Request was cancelled");
        Assert.Equal((3, 2), (model.Counts.Misses, model.Model.Batcher.Foresee().Queued));
        first.Succeed();
        await AssertServedAsync(blocking, 1);
        (await _stage.NextAsync()).Succeed();
        foreach (Sent sent in new[] { third, fourth }) await AssertServedAsync(sent, 5);
        (await _stage.NextAsync()).Succeed();
        await AssertServedAsync(leader, 5);
    }

    [Fact]
    public async Task Deadline_OfOneWhoJoinedAndHadWaitedUnread_CountsFromItsArrival()
    {
        await using CachedModel model = new(Puppets(_stage, _time));
        Sent leader = Timed(model, 10_000, 5);
        PuppetRun run = await _stage.NextAsync();
        Sent follower = Waited(model, 30, 50_000, 5);
        await AssertExpiresAsync(follower, afterMilliseconds: 20);
        run.Succeed();
        await AssertServedAsync(leader, 5);
    }

    [Fact]
    public async Task Deadline_OfOneWhoHadWaitedUnreadAndTakesARunsPlace_IsNotCutTwice()
    {
        await using CachedModel model = new(Puppets(_stage, _time));
        Sent blocking = model.Send(CacheUse.Bypass, 1);
        PuppetRun run = await _stage.NextAsync();
        Sent leader = Timed(model, 10_000, 5);
        Sent follower = Waited(model, 30, 50_000, 5);
        leader.Cancel();
        _time.Advance(TimeSpan.FromMilliseconds(19));
        Assert.False(follower.IsAnswered);
        _time.Advance(TimeSpan.FromMilliseconds(2));
        Assert.Equal(StatusCode.Unavailable, (await follower.AnswerAsync()).Status);
        run.Succeed();
        await AssertServedAsync(blocking, 1);
    }

    /// <summary>Whoever gets the request next, in the queue here or elsewhere, counts the same time from the same moment.</summary>
    [Fact]
    public async Task Deadline_OfOneWhoTakesARunsPlace_StaysWhatItWas_FromItsArrival()
    {
        await using CachedModel model = new(Puppets(_stage, _time));
        Sent blocking = model.Send(CacheUse.Bypass, 1);
        PuppetRun run = await _stage.NextAsync();
        Sent leader = Timed(model, 10_000, 5);
        Sent follower = Waited(model, 30, 50_000, 5);
        _time.Advance(TimeSpan.FromMilliseconds(5));
        leader.Cancel();

        Assert.Equal(50_000, follower.Request.TimeoutMicroseconds);
        Assert.Equal(35, _time.GetElapsedTime(0, follower.Request.Waited).TotalMilliseconds, 0.1);
        run.Succeed();
        await AssertServedAsync(blocking, 1);
        (await _stage.NextAsync()).Succeed();
        await AssertServedAsync(follower, 5);
    }

    [Fact]
    public async Task Overdue_OneWhoWouldJoin_IsAnsweredAtOnce()
    {
        await using CachedModel model = new(Puppets(_stage, _time));
        Sent leader = model.Send(5);
        PuppetRun run = await _stage.NextAsync();
        InferenceRequest request = model.Model.Request(5);
        request.LimitTime(1000);
        request.Waited = _time.Ticks(TimeSpan.FromMilliseconds(2));
        await AssertRefusedAsync(model.Model.Send(request), StatusCode.Unavailable, "Request timeout expired");
        run.Succeed();
        await AssertServedAsync(leader, 5);
    }

    [Fact]
    public async Task Failure_IsSharedWithThoseWhoWaitAndNotKept()
    {
        await using CachedModel model = new(Puppets(_stage, _time));
        Sent leader = model.Send(5);
        Sent follower = model.Send(5);
        (await _stage.NextAsync()).Fail("broken");
        await AssertRefusedAsync(leader, StatusCode.Internal, "broken");
        await AssertRefusedAsync(follower, StatusCode.Internal, "broken");

        await RunAsync(model, 5);
        Assert.Equal(0, model.Counts.Hits);
    }

    [Fact]
    public async Task Refused_Leader_EachWhoWaitsIsTriedInItsTurn()
    {
        await using CachedModel model = new(Puppets(_stage, _time, Policy with { MaxQueueRequests = 1 }));
        Sent blocking = model.Send(CacheUse.Bypass, 1);
        PuppetRun run = await _stage.NextAsync();
        Sent waiting = model.Send(CacheUse.Bypass, 2);
        Sent[] refused = [.. Enumerable.Range(0, 50).Select(_ => model.Send(5))];

        foreach (Sent sent in refused) Assert.Equal(StatusCode.Unavailable, (await sent.AnswerAsync()).Status);
        run.Succeed();
        (await _stage.NextAsync()).Succeed();
        await AssertServedAsync(blocking, 1);
        await AssertServedAsync(waiting, 2);
    }

    [Fact]
    public async Task Use_RefreshBypassNoStore_DoAsTheySay()
    {
        await using CachedModel model = new(Puppets(_stage, _time));
        await RunAsync(model, CacheUse.NoStore, 5);
        await RunAsync(model, CacheUse.Bypass, 5);
        await RunAsync(model, 5);
        await AssertServedAsync(model.Send(5), 5);
        await AssertServedAsync(model.Send(CacheUse.NoStore, 5), 5);
        await RunAsync(model, CacheUse.Refresh, 5);
        await RunAsync(model, CacheUse.Bypass, 5);

        CacheCounts counts = model.Counts;
        Assert.Equal((2, 2, 1, 2), (counts.Hits, counts.Misses, counts.Refreshes, counts.Bypasses));
        Assert.Equal(2, counts.Insertions);
    }

    [Fact]
    public async Task TimeToLive_HoldsToTheMillisecond()
    {
        await using CachedModel model = new(Puppets(_stage, _time), new ModelCacheConfig { TimeToLive = TimeSpan.FromSeconds(10) });
        await RunAsync(model, 5);
        _time.Advance(TimeSpan.FromMilliseconds(9_998));
        await AssertServedAsync(model.Send(5), 5);
        _time.Advance(TimeSpan.FromMilliseconds(3));
        await RunAsync(model, 5);

        Assert.Equal((1, 2), (model.Counts.Hits, model.Counts.Misses));
    }

    [Fact]
    public async Task Clear_NothingOfBeforeIsUsed()
    {
        await using CachedModel model = new(Puppets(_stage, _time));
        await RunAsync(model, 5);
        Assert.Null(model.Cache.Clear("other"));
        Assert.Null(model.Cache.Clear("m", 2));
        Assert.Equal(1, model.Cache.Clear("m"));
        await model.Cache.FlushAsync();
        Assert.Equal((0, 0), (model.Cache.Usage()!.Entries, model.Cache.Clear("m")));
        await RunAsync(model, 5);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        await RunAsync(model, 6);
        Assert.NotNull(model.Cache.Clear());
        _time.Advance(TimeSpan.FromMilliseconds(1));
        await RunAsync(model, 6);

        Assert.Equal(0, model.Counts.Hits);
    }

    [Fact]
    public async Task Clear_WhileAnAnswerIsOnItsWayIntoTheStore_IsNotUsed()
    {
        await using CachedModel model = new(Puppets(_stage, _time));
        for (long i = 0; i < 200; i++)
        {
            Sent first = model.Send(i);
            (await _stage.NextAsync()).Succeed();
            await AssertServedAsync(first, i);
            model.Cache.Clear();
            _time.Advance(TimeSpan.FromMilliseconds(1));
            Sent second = model.Send(i);
            Assert.False(second.IsAnswered);
            (await _stage.NextAsync()).Succeed();
            await AssertServedAsync(second, i);
        }
    }

    [Fact]
    public async Task Clear_WhileItIsRun_IsNeitherKeptNorJoined()
    {
        await using CachedModel model = new(Puppets(_stage, _time, Policy with { MaxBatchRows = 1 }));
        Sent before = model.Send(5);
        PuppetRun first = await _stage.NextAsync();
        Sent joined = model.Send(5);
        Assert.NotNull(model.Cache.Clear());
        Sent after = model.Send(5);
        first.Succeed();
        await AssertServedAsync(before, 5);
        await AssertServedAsync(joined, 5);
        Assert.False(after.IsAnswered);
        (await _stage.NextAsync()).Succeed();
        await AssertServedAsync(after, 5);
        Assert.Equal((2, 1), (model.Counts.Misses, model.Counts.Joins));
        await model.Cache.FlushAsync();
        Assert.Equal(1, model.Cache.Usage()!.Entries);
    }

    [Fact]
    public async Task Deadline_OfOneWhoJoinedBeforeADeletion_Holds()
    {
        await using CachedModel model = new(Puppets(_stage, _time));
        Sent leader = Timed(model, 50_000, 5);
        PuppetRun run = await _stage.NextAsync();
        Sent follower = Timed(model, 50_000, 5);
        model.Cache.Clear();
        _time.Advance(TimeSpan.FromMilliseconds(51));
        await AssertRefusedAsync(follower, StatusCode.Unavailable, "Request timeout expired");
        run.Succeed();
        await AssertServedAsync(leader, 5);
    }

    [Fact]
    public async Task Clock_SetBackAfterADeletion_AnswersAreFoundAndNoneOfBefore()
    {
        await using CachedModel model = new(Puppets(_stage, _time));
        await RunAsync(model, 5);
        model.Cache.Clear();
        await model.Cache.FlushAsync();
        _time.SetForward = TimeSpan.FromHours(-1);
        await RunAsync(model, 5);
        await AssertServedAsync(model.Send(5), 5);
        Assert.Equal((1, 2), (model.Counts.Hits, model.Counts.Misses));
    }

    [Fact]
    public async Task Refresh_Answered_IsWhatTheNextGets()
    {
        await using CachedModel model = new(Puppets(_stage, _time));
        await RunAsync(model, 5);
        for (int i = 0; i < 100; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(100));
            Sent refresh = model.Send(CacheUse.Refresh, 5);
            (await _stage.NextAsync()).Succeed();
            await AssertServedAsync(refresh, 5);
            await AssertServedAsync(model.Send(5), 5);
        }

        Assert.Equal((100, 0), (model.Counts.Hits, model.Counts.HitAgeMilliseconds));
    }

    [Fact]
    public async Task Deletion_WhileARefreshLands_HoldsForTheNext()
    {
        await using CachedModel model = new(Puppets(_stage, _time));
        Sent refresh = model.Send(CacheUse.Refresh, 5);
        PuppetRun run = await _stage.NextAsync();
        _time.Reading = () =>
        {
            // Its answer has just been copied, and nobody has been told.
            if (model.Model.Pool.RentedBlocks(BlockOwner.CachedAnswer) == 0) return;
            _time.Reading = null;
            model.Cache.Clear();
            model.Cache.FlushAsync().Wait();
        };
        run.Succeed();
        await AssertServedAsync(refresh, 5);
        Assert.Null(_time.Reading);

        Sent next = model.Send(5);
        (await _stage.NextAsync()).Succeed();
        await AssertServedAsync(next, 5);
        Assert.Equal(0, model.Counts.Hits);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Refresh_WhileAnOlderRunGoesOn_IsWhatTheNextGets(bool landsFirst)
    {
        await using CachedModel model = new(Puppets(_stage, _time, Policy with { MaxBatchRows = 1 }) with { Instances = 2 });
        Sent older = model.Send(5);
        PuppetRun olderRun = await _stage.NextAsync();
        _time.Advance(TimeSpan.FromSeconds(100));
        Sent refresh = model.Send(CacheUse.Refresh, 5);
        PuppetRun refreshRun = await _stage.NextAsync();
        Sent joined = model.Send(5);
        await EndAsync(landsFirst);
        if (landsFirst) await AssertServedAsync(model.Send(5), 5);
        await EndAsync(!landsFirst);
        await AssertServedAsync(joined, 5);
        await AssertServedAsync(model.Send(5), 5);
        await model.Cache.FlushAsync();
        await AssertServedAsync(model.Send(5), 5);

        Assert.Equal((landsFirst ? 3 : 2, 0), (model.Counts.Hits, model.Counts.HitAgeMilliseconds));
        Assert.Equal(1, model.Cache.Usage()!.Entries);

        Task EndAsync(bool isRefresh)
        {
            (isRefresh ? refreshRun : olderRun).Succeed();
            return AssertServedAsync(isRefresh ? refresh : older, 5);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Refresh_AnsweredAfterOneThatWasAskedForLater_IsNotKept(bool isInTheStore)
    {
        await using CachedModel model = new(Puppets(_stage, _time, Policy with { MaxBatchRows = 1 }) with { Instances = 2 });
        Sent first = model.Send(CacheUse.Refresh, 5);
        PuppetRun firstRun = await _stage.NextAsync();
        _time.Advance(TimeSpan.FromSeconds(100));
        Sent second = model.Send(CacheUse.Refresh, 5);
        (await _stage.NextAsync()).Succeed();
        await AssertServedAsync(second, 5);
        if (isInTheStore) await model.Cache.FlushAsync();
        firstRun.Succeed();
        await AssertServedAsync(first, 5);
        await model.Cache.FlushAsync();
        await AssertServedAsync(model.Send(5), 5);

        Assert.Equal((1, 0), (model.Counts.Hits, model.Counts.HitAgeMilliseconds));
        Assert.Equal(1, model.Cache.Usage()!.Entries);
    }

    [Fact]
    public async Task Refresh_AfterTheClockWasSetBack_IsKept()
    {
        await using CachedModel model = new(Puppets(_stage, _time));
        await RunAsync(model, 5);
        _time.SetForward = TimeSpan.FromHours(-1);
        await RunAsync(model, CacheUse.Refresh, 5);
        await AssertServedAsync(model.Send(5), 5);
        Assert.Equal(1, model.Counts.Hits);
    }

    [Fact]
    public async Task Replaced_Entries_AreCountedOnce()
    {
        await using CachedModel model = new(Puppets(_stage, _time), new ModelCacheConfig { TimeToLive = TimeSpan.FromSeconds(10) });
        for (int i = 0; i < 10; i++)
        {
            await RunAsync(model, CacheUse.Refresh, 5);
            await RunAsync(model, CacheUse.Refresh, 6);
            _time.Advance(TimeSpan.FromSeconds(11));
            await RunAsync(model, 5);
            await RunAsync(model, 6);
        }

        Assert.Equal(2, model.Cache.Usage()!.Entries);
        Assert.InRange(ResponseCache.UsageOf(model.Model.Model)!.Value.Bytes, 200, 600);
    }

    [Fact]
    public async Task Full_OfWhatWasDeleted_TakesWhatIsAskedForOnce()
    {
        TestModelSetup setup = new() { Time = _time, CreateExecutor = (_, pool, time) => new NumberModel(pool, time, 1) };
        await using CachedModel model = new(setup, options: new CacheOptions { MemoryBytes = 1 << 20 });
        await SendAsync(0, 12_000, CacheUse.Ordinary);
        long refused = model.Counts.NotAdmitted;
        Assert.True(refused > 1000, $"{refused} were not admitted: it was never full");
        await SendAsync(20_000, 20_100, CacheUse.Keep);
        Assert.Equal(refused, model.Counts.NotAdmitted);
        await SendAsync(20_000, 20_100, CacheUse.Ordinary);
        Assert.Equal(100, model.Counts.Hits);

        model.Cache.Clear();
        await model.Cache.FlushAsync();
        _time.Advance(TimeSpan.FromMilliseconds(1));
        refused = model.Counts.NotAdmitted;
        await SendAsync(30_000, 31_000, CacheUse.Ordinary);
        Assert.Equal(refused, model.Counts.NotAdmitted);
        await SendAsync(40_000, 52_000, CacheUse.Ordinary);
        Assert.True(model.Counts.NotAdmitted > refused, "it is never full again");

        async Task SendAsync(int from, int to, CacheUse use)
        {
            for (int i = from; i < to; i++)
            {
                Assert.Equal([NumberModel.Answer(i)], (await model.Send(use, i).AnswerAsync()).Values);
                if (i % 200 == 199) await model.Cache.FlushAsync();
            }

            await model.Cache.FlushAsync();
        }
    }

    [Fact]
    public async Task Quota_Full_TheOldestGoes()
    {
        await using CachedModel model = new(Puppets(_stage, _time), new ModelCacheConfig { MaxBytes = 4096 });
        for (int i = 0; i < 100; i++) await RunAsync(model, CacheUse.Keep, i);
        await AssertServedAsync(model.Send(99), 99);
        await RunAsync(model, CacheUse.Ordinary, 0);

        Assert.InRange(model.Cache.Usage()!.Entries, 10, 30);
        Assert.Equal(1, model.Counts.Hits);
        Assert.True(model.Counts.Evictions > 60);
    }

    [Fact]
    public async Task Quota_Full_WhatIsUsedStaysAndWhatIsAskedForOnceIsNotKept()
    {
        await using CachedModel model = new(Puppets(_stage, _time), new ModelCacheConfig { MaxBytes = 4096 });
        for (int i = 0; i < 3; i++) await RunAsync(model, i);
        int hits = 0;
        for (int i = 100; i < 400; i++)
        {
            await RunAsync(model, CacheUse.Keep, i);
            if (i % 4 != 0) continue;
            for (int hot = 0; hot < 3; hot++, hits++) await AssertServedAsync(model.Send(hot), hot);
            await model.Cache.FlushAsync();
        }

        Assert.Equal(hits, model.Counts.Hits);
        Assert.InRange(model.Cache.Usage()!.Entries, 10, 30);
        Assert.Equal(0, model.Counts.NotAdmitted);
        await RunAsync(model, 1000);
        Assert.Equal(1, model.Counts.NotAdmitted);
        await RunAsync(model, 1000);
        await AssertServedAsync(model.Send(1000), 1000);
    }

    private Task RunAsync(CachedModel model, params long[] values) => RunAsync(model, CacheUse.Ordinary, values);

    private async Task RunAsync(CachedModel model, CacheUse use, params long[] values)
    {
        Sent sent = model.Send(use, values);
        (await _stage.NextAsync()).Succeed();
        await AssertServedAsync(sent, values);
        await model.Cache.FlushAsync();
    }

    private static Task AssertNotCachedAsync(Sent sent) => AssertRefusedAsync(sent, StatusCode.NotCached, "The cache has no answer, and the request is not to be run (only-if-cached)");

    /// <summary>Asserts that one who waits is refused when its time is over, and not before.</summary>
    private async Task AssertExpiresAsync(Sent sent, int afterMilliseconds)
    {
        _time.Advance(TimeSpan.FromMilliseconds(afterMilliseconds - 1));
        Assert.False(sent.IsAnswered);
        _time.Advance(TimeSpan.FromMilliseconds(2));
        await AssertRefusedAsync(sent, StatusCode.Unavailable, "Request timeout expired");
    }

    /// <summary>One that had waited unread when it came.</summary>
    private Sent Waited(CachedModel model, int milliseconds, long microseconds, params long[] values)
    {
        InferenceRequest request = model.Model.Request(values);
        request.LimitTime(microseconds);
        request.Waited = milliseconds * _time.TimestampFrequency / 1000;
        return model.Model.Send(request);
    }

    private static Sent Timed(CachedModel model, long microseconds, params long[] values)
    {
        InferenceRequest request = model.Model.Request(values);
        request.LimitTime(microseconds);
        return model.Model.Send(request);
    }
}
