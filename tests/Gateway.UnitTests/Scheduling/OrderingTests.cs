using Gateway.Core.Requests;
using Gateway.TestSupport;
using static Gateway.UnitTests.Scheduling.BatcherSetups;

namespace Gateway.UnitTests.Scheduling;

/// <summary>Models that preserve ordering.</summary>
public sealed class OrderingTests
{
    private readonly PuppetStage _stage = new();
    private readonly ManualTimeProvider _time = new();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Release_BatchesEndInAnyOrder_AnswersLeaveInOrderOfArrival(int seed)
    {
        const int Instances = 4;
        const int Requests = 200;
        Random random = new(seed);
        await using TestModel model = new(Puppets(_stage, _time, Policy with { PreservesOrdering = true, BisectsFailedBatches = false }) with { Instances = Instances });
        await model.WhenIdleAsync();
        InferenceRequest[] requests = [.. Enumerable.Range(0, Requests).Select(i => model.Request(i))];
        ValueTask[] completions = [.. requests.Select(model.Model.InferAsync)];
        bool[] hasOutcome = new bool[Requests];
        List<PuppetRun> running = [];
        while (hasOutcome.Contains(false))
        {
            // As many as there are instances run, so that every batch that ends lets another begin: its beginning says that the end has been dealt with.
            int remaining = hasOutcome.Count(has => !has);
            while (running.Count < Instances && running.Sum(run => run.Rows) < remaining) running.Add(await _stage.NextAsync());
            PuppetRun ends = running[random.Next(running.Count)];
            running.Remove(ends);
            if (random.Next(4) == 0) ends.Throw(new InvalidOperationException("bad batch"));
            else ends.Succeed();
            foreach (long value in ends.Values) hasOutcome[value] = true;

            await QuiesceAsync(model, running, Instances);

            int released = requests.TakeWhile(request => request.State == RequestState.Released).Count();
            int expected = hasOutcome.TakeWhile(has => has).Count();
            Assert.True(released == expected, $"seed {seed}: {released} are released, {expected} could be");
            Assert.True(requests.Skip(released).All(request => request.State != RequestState.Released), $"seed {seed}: one was released before its turn");
        }

        foreach (ValueTask completion in completions) await completion;
        foreach (InferenceRequest request in requests) request.Dispose();
    }

    [Fact]
    public async Task Release_RefusedAndCancelled_KeepTheirTurn()
    {
        await using TestModel model = new(Puppets(_stage, _time, Policy with { PreservesOrdering = true }));
        Sent first = model.Send(0);
        PuppetRun run = await _stage.NextAsync();
        Sent cancelled = model.Send(1);
        Sent timedOut = model.SendWithTimeout(100, 2);

        cancelled.Cancel();
        _time.Advance(TimeSpan.FromMicroseconds(100));
        Assert.Equal(0, model.Batcher.PendingRequests);
        Assert.NotEqual(RequestState.Released, cancelled.Request.State);
        Assert.NotEqual(RequestState.Released, timedOut.Request.State);
        run.Succeed();

        await AssertServedAsync(first, 0);
        Assert.Equal(RequestOutcome.Cancelled, (await cancelled.AnswerAsync()).Outcome);
        Assert.Equal(RequestOutcome.Expired, (await timedOut.AnswerAsync()).Outcome);
    }

    [Fact]
    public async Task Stop_AnswersHeldBack_WaitsForThem()
    {
        await using TestModel model = new(Puppets(_stage, _time, Policy with { PreservesOrdering = true, MaxBatchRows = 1 }) with { Instances = 2 });
        Sent[] sent = [model.Send(0), model.Send(1)];
        PuppetRun[] runs = [await _stage.NextAsync(), await _stage.NextAsync()];
        Task<int> stopped = model.StopAsync(TimeSpan.FromHours(1));

        runs.Single(run => run.Values[0] == 1).Succeed();
        while (model.Batcher.IdleInstances == 0) await Task.Yield();
        Assert.False(stopped.IsCompleted || sent[1].IsAnswered);
        runs.Single(run => run.Values[0] == 0).Succeed();

        Assert.Equal(0, await stopped);
        await AssertServedAsync(sent[1], 1);
    }

    /// <summary>Lets the instance that ended a batch begin another one or fall idle.</summary>
    private async Task QuiesceAsync(TestModel model, List<PuppetRun> running, int instances)
    {
        while (running.Count + model.Batcher.IdleInstances < instances)
        {
            if (_stage.Waiting > 0) running.Add(await _stage.NextAsync());
            else await Task.Yield();
        }
    }
}
