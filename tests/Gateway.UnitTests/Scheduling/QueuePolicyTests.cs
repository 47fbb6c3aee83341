using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol;
using Gateway.TestSupport;
using static Gateway.UnitTests.Scheduling.BatcherSetups;

namespace Gateway.UnitTests.Scheduling;

/// <summary>Time-outs, deadlines and bounds of the queue; the one instance is busy throughout unless a test ends its run.</summary>
public sealed class QueuePolicyTests
{
    private const string TimedOut = "Request timeout expired";
    private const string Full = "[request id: <id_unknown>] Exceeds maximum queue size, behind ";

    private readonly PuppetStage _stage = new();
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public async Task Timeout_WhileTheOnlyInstanceIsBusy_IsAnsweredAtItsTick()
    {
        (TestModel model, PuppetRun _) = await BusyAsync(Policies(timeout: 1000));
        await using TestModel busy = model;
        Sent sent = model.Send(1);

        _time.Advance(999);
        Assert.Equal(1, model.Batcher.PendingRequests);
        _time.Advance(1);

        await AssertRefusedAsync(sent, StatusCode.Unavailable, TimedOut);
        Assert.Equal(1, model.Counts[RequestOutcome.Expired]);
    }

    /// <summary>The level's own time-out, which it may not shorten or which only puts it off, holds for it all the same.</summary>
    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task ClientsTime_OverBeforeTheQueueWhereItIsNoEnd_IsServed(bool allowsOverride, bool delays)
    {
        await using TestModel model = new(Puppets(_stage, _time, Policy with { QueuePolicies = [new QueuePolicyTimes(_time.Ticks(TimeSpan.FromSeconds(1)), allowsOverride, delays, 0)] }));
        InferenceRequest request = model.Request(1);
        request.LimitTime(1000);
        request.Waited = _time.Ticks(TimeSpan.FromMilliseconds(2));

        Sent sent = model.Send(request);
        (await _stage.NextAsync()).Succeed();

        await AssertServedAsync(sent, 1);
    }

    /// <summary>A level's own time-out begins in the queue: what has passed before is no part of it, where the client's time has it.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task TurnsAway_HasWaited_CountsForTheClientsTimeAlone(bool isClients)
    {
        const int Milliseconds = 250;
        long ticks = _time.Ticks(TimeSpan.FromMilliseconds(Milliseconds));
        await using TestModel model = new(Puppets(_stage, _time, isClients ? Policy : Policies(ticks)));
        model.ProfileTenths(_time);
        Sent running = model.Send(1);
        PuppetRun run = await _stage.NextAsync();
        Sent waiting = isClients ? model.SendWithTimeout(1000 * Milliseconds, 2) : model.Send(2);

        Assert.False(model.Batcher.TurnsAway(1000 * Milliseconds, out _, priority: 1, isBeingRead: true));
        Assert.Equal(isClients, model.Batcher.TurnsAway(1000 * Milliseconds, out _, waited: _time.Ticks(TimeSpan.FromMilliseconds(200)), priority: 1, isBeingRead: true));

        run.Succeed();
        await AssertServedAsync(running, 1);
        (await _stage.NextAsync()).Succeed();
        await AssertServedAsync(waiting, 2);
    }

    // The time of day is set while a request waits: how long it has is not for that to say.
    [Theory]
    [InlineData(3_650)]
    [InlineData(-3_650)]
    public async Task Timeout_TimeOfDayIsSet_IsAnsweredAtItsTick(int days)
    {
        (TestModel model, PuppetRun _) = await BusyAsync(Policy);
        await using TestModel busy = model;
        Sent sent = model.SendWithTimeout(100, 1);
        long due = _time.GetTimestamp() + _time.Ticks(TimeSpan.FromMicroseconds(100));

        _time.SetForward = TimeSpan.FromDays(days);
        Sent later = model.SendWithTimeout(200, 2);
        _time.Advance(due - 2 - _time.GetTimestamp());
        Assert.Equal(2, model.Batcher.PendingRequests);
        _time.Advance(2);

        await AssertRefusedAsync(sent, StatusCode.Unavailable, TimedOut);
        Assert.False(later.IsAnswered);
    }

    // The batch that runs has stalled and nothing comes: a request behind it is refused once no time is left for its run, to the millisecond, and not at its deadline.
    [Fact]
    public async Task Deadline_BatchStallsAndNothingElseHappens_IsRefusedWhenItsRunNoLongerFits()
    {
        await using TestModel model = new(Puppets(_stage, _time));
        model.ProfileTenths(_time);
        Sent running = model.Send(1);
        PuppetRun run = await _stage.NextAsync();
        Sent waiting = model.SendWithTimeout(250_000, 2);

        _time.Advance(TimeSpan.FromMilliseconds(149));
        Assert.False(waiting.IsAnswered);
        _time.Advance(TimeSpan.FromMilliseconds(2));

        Answer answer = await waiting.AnswerAsync();
        Assert.Equal(StatusCode.Unavailable, answer.Status);
        Assert.Equal(1, model.Counts.Refusals[(int)RefusalReason.DeadlineUnreachable]);
        run.Succeed();
        await AssertServedAsync(running, 1);
    }

    // Where looking ahead says nothing, as with a time-out of the queue's, it is looked once, and then at the deadline: not again and again in between.
    [Fact]
    public async Task Timeout_BatchStalls_IsLookedAtOnceBefore()
    {
        (TestModel model, PuppetRun _) = await BusyAsync(Policies(timeout: _time.Ticks(TimeSpan.FromMilliseconds(250))));
        await using TestModel busy = model;
        model.ProfileTenths(_time);
        Sent waiting = model.Send(2);
        long due = _time.GetTimestamp() + _time.Ticks(TimeSpan.FromMilliseconds(250));

        _time.Advance(TimeSpan.FromMilliseconds(151));
        Assert.InRange(_time.NextDue!.Value, due - 1, due);
        _time.Advance(TimeSpan.FromMilliseconds(99));

        await AssertRefusedAsync(waiting, StatusCode.Unavailable, TimedOut);
    }

    [Fact]
    public async Task Timeout_OfOneOfMany_LeavesTheOthers()
    {
        (TestModel model, PuppetRun run) = await BusyAsync(Policy);
        await using TestModel busy = model;
        Sent stays = model.Send(1);
        Sent goes = model.SendWithTimeout(100, 2);

        _time.Advance(TimeSpan.FromMicroseconds(100));
        await AssertRefusedAsync(goes, StatusCode.Unavailable, TimedOut);
        run.Succeed();
        (await _stage.NextAsync()).Succeed();

        await AssertServedAsync(stays, 1);
    }

    // Configured time-out, override allowed, client's own; what holds.
    [Theory]
    [InlineData(0, false, 0, 0)]
    [InlineData(0, false, 300, 300)]
    [InlineData(0, true, 300, 300)]
    [InlineData(1000, false, 300, 1000)]
    [InlineData(1000, true, 300, 300)]
    [InlineData(1000, true, 5000, 1000)]
    [InlineData(1000, true, 0, 1000)]
    [InlineData(1000, true, -7, 1000)]
    public void EffectiveTimeout_ClientMayOnlyShorten(long configured, bool allowOverride, long requested, long expected) =>
        Assert.Equal(expected, new QueuePolicyTimes(configured, allowOverride, false, 0).Effective(requested));

    [Fact]
    public async Task Timeout_BeyondTheEndOfTime_IsNone()
    {
        (TestModel model, PuppetRun run) = await BusyAsync(Policy);
        await using TestModel busy = model;
        Sent sent = model.SendWithTimeout(long.MaxValue, 1);

        _time.Advance(TimeSpan.FromDays(100));
        run.Succeed();
        (await _stage.NextAsync()).Succeed();

        await AssertServedAsync(sent, 1);
    }

    [Fact]
    public async Task Timeout_LongerThanOneTimer_StillExpires()
    {
        (TestModel model, PuppetRun _) = await BusyAsync(Policies(timeout: _time.Ticks(TimeSpan.FromDays(60))));
        await using TestModel busy = model;
        Sent sent = model.Send(1);

        _time.Advance(TimeSpan.FromDays(60) - TimeSpan.FromSeconds(1));
        Assert.Equal(1, model.Batcher.PendingRequests);
        _time.Advance(TimeSpan.FromSeconds(1));

        await AssertRefusedAsync(sent, StatusCode.Unavailable, TimedOut);
    }

    [Fact]
    public async Task DelayAction_TimeoutPasses_IsServedAfterItsLevel()
    {
        (TestModel model, PuppetRun run) = await BusyAsync(Policies(timeout: 1000, delays: true) with { MaxBatchRows = 1 });
        await using TestModel busy = model;
        Sent late = model.Send(1);
        _time.Advance(500);
        Sent inTime = model.Send(2);
        _time.Advance(500);
        Sent newcomer = model.Send(3);

        List<long> order = [];
        for (int i = 0; i < 3; i++)
        {
            run.Succeed();
            run = await _stage.NextAsync();
            order.AddRange(run.Values);
        }

        run.Succeed();
        Assert.Equal([2, 3, 1], order);
        await AssertServedAsync(late, 1);
        await AssertServedAsync(inTime, 2);
        await AssertServedAsync(newcomer, 3);
    }

    [Fact]
    public async Task DelayAction_CallersOwnDeadlinePasses_IsRefusedAllTheSame()
    {
        (TestModel model, PuppetRun _) = await BusyAsync(Policies(timeout: 1000, delays: true));
        await using TestModel busy = model;
        InferenceRequest request = model.Request(1);
        request.Deadline = _time.GetTimestamp() + 5000;
        Sent sent = model.Send(request);

        _time.Advance(4999);
        Assert.Equal(1, model.Batcher.PendingRequests);
        _time.Advance(1);

        await AssertRefusedAsync(sent, StatusCode.Unavailable, TimedOut);
    }

    [Fact]
    public async Task Deadline_AlreadyPassed_IsRefusedAtOnce()
    {
        await using TestModel model = new(Puppets(_stage, _time));
        InferenceRequest request = model.Request(1);
        request.Deadline = _time.GetTimestamp() - 1;

        await AssertRefusedAsync(model.Send(request), StatusCode.Unavailable, TimedOut);
        Assert.Equal(0, _stage.Waiting);
    }

    [Fact]
    public async Task MaxQueueSize_OfALevel_RefusesThatLevelOnly()
    {
        BatchingPolicy policy = Policy with
        {
            PriorityLevels = 2,
            QueuePolicies = [new QueuePolicyTimes(0, false, false, MaxQueueSize: 2), default],
        };
        (TestModel model, PuppetRun _) = await BusyAsync(policy);
        await using TestModel busy = model;
        Sent[] accepted = [model.SendAtLevel(1, 1), model.SendAtLevel(1, 2), model.SendAtLevel(2, 3)];

        Sent refused = model.SendAtLevel(1, 4);
        Sent other = model.SendAtLevel(2, 5);

        await AssertRefusedAsync(refused, StatusCode.Unavailable, Full + "3 requests");
        Assert.False(other.IsAnswered);
        Assert.DoesNotContain(accepted, sent => sent.IsAnswered);
        Assert.Equal(1, model.Counts[RequestOutcome.Rejected]);
    }

    [Fact]
    public async Task QueueBound_InRequests_RefusesTheNext()
    {
        (TestModel model, PuppetRun run) = await BusyAsync(Policy with { MaxQueueRequests = 2 });
        await using TestModel busy = model;
        Sent first = model.Send(1);
        Assert.False(model.Batcher.IsFull);
        model.Send(2);
        Assert.True(model.Batcher.IsFull);

        InferenceRequest named = model.Request(3);
        named.Id = "abc";
        await AssertRefusedAsync(model.Send(named), StatusCode.Unavailable, "[request id: abc] Exceeds maximum queue size, behind 2 requests");
        run.Succeed();
        (await _stage.NextAsync()).Succeed();

        await AssertServedAsync(first, 1);
        Assert.False(model.Batcher.IsFull);
    }

    [Fact]
    public async Task QueueBound_InBytes_RefusesTheNextButNeverALoneOne()
    {
        // Two blocks of the smallest size.
        (TestModel model, PuppetRun run) = await BusyAsync(Policy with { MaxQueueBytes = 8192 });
        await using TestModel busy = model;
        Sent large = model.Send(new long[4096]);
        Assert.Equal(32768, model.Batcher.PendingBytes);

        await AssertRefusedAsync(model.Send(1), StatusCode.Unavailable, Full + "1 requests");
        large.Cancel();
        Sent[] small = [model.Send(1), model.Send(2)];
        await AssertRefusedAsync(model.Send(3), StatusCode.Unavailable, Full + "2 requests");
        run.Succeed();
        (await _stage.NextAsync()).Succeed();

        await AssertServedAsync(small[1], 2);
    }

    private static BatchingPolicy Policies(long timeout, bool delays = false) =>
        Policy with { QueuePolicies = [new QueuePolicyTimes(timeout, AllowTimeoutOverride: false, delays, 0)] };

    /// <summary>A model whose instance runs a batch.</summary>
    private async Task<(TestModel Model, PuppetRun Run)> BusyAsync(BatchingPolicy policy)
    {
        TestModel model = new(Puppets(_stage, _time, policy));
        model.Send(0);
        return (model, await _stage.NextAsync());
    }
}
