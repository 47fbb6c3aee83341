using Gateway.Core.Execution;
using Gateway.Core.Models.Configuration;
using Gateway.Core.Scheduling;
using Gateway.Core.Scheduling.Resources;
using Gateway.Protocol;
using Gateway.TestSupport;
using static Gateway.UnitTests.Scheduling.BatcherSetups;

namespace Gateway.UnitTests.Scheduling.Resources;

/// <summary>Models that need the same resource, of which each batch takes one and there is one.</summary>
public sealed class RateLimitedModelsTests
{
    private readonly PuppetStage _first = new();
    private readonly PuppetStage _second = new();
    private readonly ManualTimeProvider _time = new();
    private readonly RateLimiter _limiter;

    public RateLimitedModelsTests() => _limiter = new RateLimiter(ResourceCounts.Unsaid, _time);

    [Fact]
    public async Task Send_ResourceInUse_WaitsInTheQueueAndFillsABatch()
    {
        await using TestModel one = new(Limited(_first));
        await using TestModel other = new(Limited(_second));
        Sent running = one.Send(1);
        PuppetRun run = await _first.NextAsync();

        Sent[] waiting = [other.Send(2), other.Send(3)];

        // Both are decided on; no batch was made for the first that the second had come too late for.
        Assert.Equal((0, 2), (_second.Waiting, other.Batcher.PendingRequests));
        run.Succeed();
        PuppetRun next = await _second.NextAsync();
        Assert.Equal(2, next.Rows);
        next.Succeed();
        await AssertServedAsync(running, 1);
        await AssertServedAsync(waiting[1], 3);
    }

    [Fact]
    public async Task Send_RunFails_GivesBack()
    {
        await using TestModel one = new(Limited(_first));
        await using TestModel other = new(Limited(_second));
        Sent fails = one.Send(1);
        PuppetRun run = await _first.NextAsync();
        Sent waits = other.Send(2);

        run.Fail("no");

        (await _second.NextAsync()).Succeed();
        await AssertServedAsync(waits, 2);
        await AssertRefusedAsync(fails, StatusCode.Internal, "no");
    }

    [Fact]
    public async Task Send_DeviceIsLost_GivesBackUntilItIsThereAgain()
    {
        await using TestModel one = new(Limited(_first));
        await using TestModel other = new(Limited(_second));
        one.Send(1);
        PuppetRun run = await _first.NextAsync();
        Sent waits = other.Send(2);

        run.Throw(new ExecutionException("gone", failure: ExecutionFailure.DeviceLost));

        (await _second.NextAsync()).Succeed();
        await AssertServedAsync(waits, 2);
    }

    [Fact]
    public async Task Cancel_WhileItWaits_LeavesTheResourceToOthers()
    {
        await using TestModel one = new(Limited(_first));
        await using TestModel other = new(Limited(_second));
        one.Send(1);
        PuppetRun run = await _first.NextAsync();
        Sent cancelled = other.Send(2);

        cancelled.Cancel();
        await cancelled.AnswerAsync();
        run.Succeed();

        await one.WhenIdleAsync();
        await other.WhenIdleAsync();
        Assert.Equal([(1, 0)], _limiter.Resources.Select(each => (each.Limit, each.InUse)));
        Sent last = one.Send(3);
        (await _first.NextAsync()).Succeed();
        await AssertServedAsync(last, 3);
    }

    /// <summary>Who has no request any more stands in nobody's way: kept for it, a resource would lie idle until the next batch of somebody else.</summary>
    [Fact]
    public async Task Cancel_WhileItWaits_LeavesTheLine()
    {
        await using TestModel one = new(Limited(_first));
        await using TestModel other = new(Limited(_second));
        one.Send(1);
        PuppetRun run = await _first.NextAsync();
        Sent cancelled = other.Send(2);
        Assert.Equal(1, _limiter.Models.Sum(model => model.Waiting));

        cancelled.Cancel();
        await cancelled.AnswerAsync();

        Assert.Equal(0, _limiter.Models.Sum(model => model.Waiting));
        run.Succeed();
    }

    [Fact]
    public async Task Stop_WhileItWaits_EndsAndLeavesOthersAlone()
    {
        await using TestModel one = new(Limited(_first));
        await using TestModel other = new(Limited(_second));
        Sent running = one.Send(1);
        PuppetRun run = await _first.NextAsync();
        Sent waiting = other.Send(2);

        Assert.Equal(1, await other.StopAsync(TimeSpan.Zero));

        Assert.Equal(StatusCode.Unavailable, (await waiting.AnswerAsync()).Status);
        run.Succeed();
        await AssertServedAsync(running, 1);
    }

    [Fact]
    public async Task Stop_WhileItRuns_GivesBack()
    {
        await using TestModel one = new(Limited(_first));
        await using TestModel other = new(Limited(_second));
        one.Send(1);
        await _first.NextAsync();
        Sent waiting = other.Send(2);

        await one.StopAsync(TimeSpan.Zero);

        (await _second.NextAsync()).Succeed();
        await AssertServedAsync(waiting, 2);
    }

    [Fact]
    public async Task Send_InstancesOfOneModel_RunOneAtATime()
    {
        await using TestModel model = new(Limited(_first) with { Instances = 3 });
        Sent[] sent = [.. Enumerable.Range(0, 12).Select(i => model.Send(i))];

        for (int rows = 0; rows < sent.Length;)
        {
            PuppetRun run = await _first.NextAsync();
            Assert.Equal(0, _first.Waiting);
            rows += run.Rows;
            run.Succeed();
        }

        for (int i = 0; i < sent.Length; i++) await AssertServedAsync(sent[i], i);
    }

    [Fact]
    public async Task Send_NoLimiter_DoesNotWait()
    {
        await using TestModel one = new(Limited(_first) with { Limiter = null });
        await using TestModel other = new(Limited(_second) with { Limiter = null });
        one.Send(1);
        other.Send(2);

        PuppetRun[] runs = [await _first.NextAsync(), await _second.NextAsync()];

        foreach (PuppetRun run in runs) run.Succeed();
    }

    [Fact]
    public async Task Send_MoreThanBothCanDo_HaveTurnsByPriority()
    {
        using ManualResetEventSlim go = new();
        List<int> order = [];
        await using TestModel one = new(Counting(0, 1, order, go));
        await using TestModel other = new(Counting(1, 2, order, go));
        Sent[] sent = [.. Enumerable.Range(0, 120).Select(i => one.Send(i)), .. Enumerable.Range(0, 120).Select(i => other.Send(i))];

        go.Set();
        foreach (Sent each in sent) await each.AnswerAsync();

        // While both have some: the first one's 120 and half as many of the other's.
        Assert.InRange(order.Take(150).Count(model => model == 1), 48, 52);
    }

    [Fact]
    public async Task Send_ManyModelsAtOnce_ResourcesAreNeverOversubscribed()
    {
        Assert.Null(ResourceCounts.Parse(["A:3", "B:2"], out ResourceCounts counts));
        RateLimiter limiter = new(counts, TimeProvider.System);
        int[] inUse = new int[2];
        bool isTooMuch = false;
        int[] runs = new int[4];
        (int A, int B)[] needs = [(1, 0), (2, 1), (3, 0), (1, 2)];
        TestModel[] models = [.. needs.Select((need, i) => new TestModel(new TestModelSetup
        {
            Limiter = limiter,
            Needs = Needs(1 + (i % 2), ("A", need.A), ("B", need.B)),
            Instances = 2,
            CreateExecutor = (layout, pool, time) => new FunctionExecutor(layout, pool, time, (_, _, _) =>
            {
                if (Interlocked.Add(ref inUse[0], need.A) > 3 | Interlocked.Add(ref inUse[1], need.B) > 2) Volatile.Write(ref isTooMuch, true);
                Thread.SpinWait(500);
                Interlocked.Add(ref inUse[0], -need.A);
                Interlocked.Add(ref inUse[1], -need.B);
                if (Interlocked.Increment(ref runs[i]) % 7 == 0) throw new ExecutionException("now and then");
            }) { CanRunAnywhere = i % 2 == 0 },
        }))];

        long start = TimeProvider.System.GetTimestamp();
        await Task.WhenAll(models.Select(model => Task.Run(async () =>
        {
            while (TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromSeconds(2))
            {
                Sent[] sent = [.. Enumerable.Range(0, 12).Select(i => model.Send(i, i))];
                sent[5].Cancel();
                foreach (Sent each in sent) await each.AnswerAsync();
            }
        })));

        Assert.False(isTooMuch);
        Assert.All(runs, each => Assert.True(each > 10, $"one had {each} runs"));
        foreach (TestModel model in models) await model.WhenIdleAsync();
        Assert.All(limiter.Resources, each => Assert.Equal(0, each.InUse));
        foreach (TestModel model in models) await model.DisposeAsync();
        Assert.Empty(limiter.Resources);
    }

    private TestModelSetup Limited(PuppetStage stage) => Puppets(stage, _time) with { Limiter = _limiter, Needs = Needs(1, ("R", 1)) };

    private TestModelSetup Counting(int model, int priority, List<int> order, ManualResetEventSlim go) => new()
    {
        Limiter = _limiter,
        Needs = Needs(priority, ("R", 1)),
        Policy = new BatchingPolicy { MaxBatchRows = 1, FollowsLatencyCurve = false },
        CreateExecutor = (layout, pool, time) => new FunctionExecutor(layout, pool, time, (_, _, _) =>
        {
            go.Wait();

            // Without a lock of its own: the resource is that.
            order.Add(model);
        }),
    };

    private static InstanceRateLimiter Needs(int priority, params (string Name, int Count)[] needs) =>
        new([.. needs.Select(need => new NeededResource(need.Name, IsGlobal: false, need.Count))], priority);
}
