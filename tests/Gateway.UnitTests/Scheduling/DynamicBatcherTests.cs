using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol.Tensors;
using Gateway.TestSupport;
using static Gateway.UnitTests.Scheduling.BatcherSetups;

namespace Gateway.UnitTests.Scheduling;

public sealed class DynamicBatcherTests
{
    private readonly PuppetStage _stage = new();
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public async Task Enqueue_InstanceIdle_RunsAtOnce()
    {
        await using TestModel model = new(Puppets(_stage, _time));

        Sent sent = model.Send(7);
        PuppetRun run = await _stage.NextAsync();
        run.Succeed();

        Assert.Equal((1, CloseReason.Immediate), (run.Rows, run.CloseReason));
        await AssertServedAsync(sent, 7);
    }

    [Fact]
    public async Task Enqueue_WhileBusy_TheNextBatchTakesAllThatCame()
    {
        await using TestModel model = new(Puppets(_stage, _time));
        Sent first = model.Send(1);
        PuppetRun busy = await _stage.NextAsync();
        Sent[] later = [model.Send(2), model.Send(3, 4), model.Send(5)];

        busy.Succeed();
        PuppetRun next = await _stage.NextAsync();
        next.Succeed();

        Assert.Equal([2, 3, 4, 5], next.Values);
        Assert.Equal(CloseReason.Full, next.CloseReason);
        await AssertServedAsync(first, 1);
        await AssertServedAsync(later[1], 3, 4);
    }

    [Fact]
    public async Task Enqueue_SeveralInstancesIdle_EachGetsABatch()
    {
        await using TestModel model = new(Puppets(_stage, _time) with { Instances = 3 });

        // One after the other: what comes before the called instance has begun comes along with the first.
        Sent[] sent = new Sent[3];
        PuppetRun[] runs = new PuppetRun[3];
        for (int i = 0; i < runs.Length; i++)
        {
            sent[i] = model.Send(i + 1);
            runs[i] = await _stage.NextAsync();
        }

        foreach (PuppetRun run in runs) run.Succeed();

        Assert.Equal([1L, 2, 3], runs.SelectMany(run => run.Values).Order());
        foreach (Sent each in sent) await each.AnswerAsync();
    }

    [Fact]
    public async Task Delay_OneTickBefore_Waits_AtTheTick_Runs()
    {
        long delay = _time.Ticks(TimeSpan.FromMilliseconds(5));
        await using TestModel model = new(Puppets(_stage, _time, Policy with { MaxQueueDelay = delay }));
        await InstanceIsIdleAsync(model);
        Sent first = model.Send(1);
        _time.Advance(100);
        Sent second = model.Send(2);

        _time.Advance(delay - 101);
        Assert.Equal(2, model.Batcher.PendingRequests);
        _time.Advance(1);
        PuppetRun run = await _stage.NextAsync();
        run.Succeed();

        Assert.Equal([1, 2], run.Values);
        Assert.Equal(CloseReason.DelayExpired, run.CloseReason);
        await AssertServedAsync(first, 1);
        await AssertServedAsync(second, 2);
    }

    [Fact]
    public async Task Delay_BatchBecomesFull_DoesNotWait()
    {
        await using TestModel model = new(Puppets(_stage, _time, Policy with { MaxQueueDelay = 1_000_000 }));
        Sent[] sent = [model.Send(1, 2), model.Send(3), model.Send(4)];

        PuppetRun run = await _stage.NextAsync();
        run.Succeed();

        Assert.Equal([1, 2, 3, 4], run.Values);
        Assert.Equal(CloseReason.Full, run.CloseReason);
        foreach (Sent each in sent) await each.AnswerAsync();
    }

    [Fact]
    public async Task Padding_AllowedSizes_RunsTheNextLarger()
    {
        await using TestModel model = new(Puppets(_stage, _time, Policy with { MaxBatchRows = 8, AllowedBatchSizes = [1, 4, 8] }));
        Sent sent = model.Send(1, 2);

        PuppetRun run = await _stage.NextAsync();
        run.Succeed();

        Assert.Equal((2, 4), (run.Rows, run.PaddedRows));
        await AssertServedAsync(sent, 1, 2);
        Assert.Equal((2, 2), (model.Counts.Inferences, model.Counts.PaddingRows));
    }

    [Fact]
    public async Task Priorities_ServedHighestFirst_WhateverCameFirst()
    {
        BatchingPolicy policy = Policy with { MaxBatchRows = 1, PriorityLevels = 2, DefaultPriorityLevel = 2, QueuePolicies = [default, default] };
        await using TestModel model = new(Puppets(_stage, _time, policy));
        model.Send(0);
        PuppetRun run = await _stage.NextAsync();
        model.SendAtLevel(2, 10);
        model.SendAtLevel(0, 11);
        model.SendAtLevel(99, 12);
        model.SendAtLevel(1, 13);

        List<long> order = [];
        for (int i = 0; i < 4; i++)
        {
            run.Succeed();
            run = await _stage.NextAsync();
            order.AddRange(run.Values);
        }

        run.Succeed();
        Assert.Equal([13, 10, 11, 12], order);
    }

    [Fact]
    public async Task Shapes_DoNotMixAndDoNotBlockEachOther()
    {
        await using TestModel model = new(Puppets(_stage, _time) with
        {
            Inputs = [TestModelSetup.Tensor("x", DataType.Int64, -1)],
            Outputs = [TestModelSetup.Tensor("y", DataType.Int64, -1)],
        });
        model.Send(0);
        PuppetRun busy = await _stage.NextAsync();
        model.Send(model.RequestOf([1, 2], 1, 2));
        model.Send(model.RequestOf([3, 4, 5], 1, 3));
        model.Send(model.RequestOf([6, 7], 1, 2));

        busy.Succeed();
        PuppetRun first = await _stage.NextAsync();
        first.Succeed();
        PuppetRun second = await _stage.NextAsync();
        second.Succeed();

        Assert.Equal([1, 2, 6, 7], first.Values);
        Assert.Equal([3, 4, 5], second.Values);
    }

    [Fact]
    public async Task Shapes_WhoseKeysCollide_AreKeptApart()
    {
        // The key is a hash that a client can work out: a request of no elements gets the key of another's rows.
        int height = Enumerable.Range(1, 100).First(height => (long)(7 + Mix((ulong)height) - Mix(0)) > 0);
        await using TestModel model = new(Puppets(_stage, _time) with
        {
            Inputs = [TestModelSetup.Tensor("x", DataType.Int64, -1, -1)],
            Outputs = [TestModelSetup.Tensor("y", DataType.Int64, -1, -1)],
        });
        model.Send(model.RequestOf([0], 1, 1, 1));
        PuppetRun busy = await _stage.NextAsync();
        InferenceRequest honest = model.RequestOf(new long[height * 7], 1, height, 7);
        RequestValidation.Check(honest);
        InferenceRequest crafted = model.RequestOf([], 1, 0, (long)(7 + Mix((ulong)height) - Mix(0)));
        RequestValidation.Check(crafted);
        Assert.Equal(honest.ShapeKey, crafted.ShapeKey);
        model.Send(honest);
        model.Send(crafted);

        busy.Succeed();
        PuppetRun first = await _stage.NextAsync();
        first.Succeed();
        PuppetRun second = await _stage.NextAsync();
        second.Fail("that is no shape");

        Assert.Equal((1, 1), (first.Rows, second.Rows));

        static ulong Mix(ulong dimension)
        {
            ulong mixed = dimension + 0x9E3779B97F4A7C15;
            mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
            mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
            return mixed ^ (mixed >> 31);
        }
    }

    [Fact]
    public async Task ModelWithoutBatchDimension_RequestsRunOneByOne()
    {
        await using TestModel model = new(Puppets(_stage, _time, new BatchingPolicy { MaxBatchRows = 1, IsDynamic = false }) with { IsBatching = false });
        Sent[] sent = [model.Send(model.RequestOf([5], 0, 1)), model.Send(model.RequestOf([6], 0, 1))];

        (await _stage.NextAsync()).Succeed();
        (await _stage.NextAsync()).Succeed();

        Answer answer = await sent[1].AnswerAsync();
        Assert.Equal([PuppetRun.Answer(6)], answer.Values);
        Assert.Equal([1], answer.Shape.Dims.ToArray());
    }

    [Fact]
    public async Task StageTimes_OfAnAnsweredRequest_AreInOrder()
    {
        await using TestModel model = new(Puppets(_stage, _time));
        model.Send(1);
        PuppetRun busy = await _stage.NextAsync();
        long queued = _time.GetTimestamp();
        Sent sent = model.Send(2, 3);
        _time.Advance(10);
        busy.Succeed();
        PuppetRun run = await _stage.NextAsync();
        _time.Advance(100);
        run.Succeed();

        StageTimes times = (await sent.AnswerAsync()).Times;

        Assert.Equal((queued, queued + 10, queued + 10, queued + 110, queued + 110, 2), (times.Queued, times.GatherStart, times.RunStart, times.RunEnd, times.Released, times.BatchRows));
        Assert.Equal(queued + 10, times.BatchOpened);
    }

    [Fact]
    public async Task StageTimes_WaitedForCompany_TheBatchWasOpenedOnArrival()
    {
        await using TestModel model = new(Puppets(_stage, _time, Policy with { MaxQueueDelay = 1000 }));
        await InstanceIsIdleAsync(model);
        _time.Advance(10);
        long queued = _time.GetTimestamp();
        Sent sent = model.Send(1);
        _time.Advance(1000);
        (await _stage.NextAsync()).Succeed();

        StageTimes times = (await sent.AnswerAsync()).Times;

        Assert.Equal((queued, queued, queued + 1000), (times.Queued, times.BatchOpened, times.GatherStart));
    }

    [Fact]
    public async Task Foresee_SlowOnceAndIdleSince_IsWhatWasProfiled()
    {
        await using TestModel model = new(Puppets(_stage, _time));
        LatencyModel latency = model.Batcher.Latency;
        for (int rows = 1; rows <= Policy.MaxBatchRows; rows++) latency.Profile(rows, 100);
        latency.EndProfile();
        await InstanceIsIdleAsync(model);
        for (int i = 0; i < 100; i++) latency.Record(1, 400, _time.GetTimestamp());

        TimeSpan before = model.Batcher.Foresee().Completion;
        _time.Advance(_time.TimestampFrequency);
        TimeSpan after = model.Batcher.Foresee().Completion;

        Assert.InRange(before / _time.GetElapsedTime(0, 400), 0.95, 1.01);
        Assert.Equal(_time.GetElapsedTime(0, 100), after);
    }

    /// <summary>Sees to it that the instance waits for work: what is sent then is decided on by the sender's own thread.</summary>
    private async Task InstanceIsIdleAsync(TestModel model)
    {
        Sent warm = model.Send(0, 0, 0, 0);
        (await _stage.NextAsync()).Succeed();
        await warm.AnswerAsync();
        await model.WhenIdleAsync();
    }
}
