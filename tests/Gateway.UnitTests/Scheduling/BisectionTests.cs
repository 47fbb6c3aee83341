using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;
using Gateway.TestSupport;
using static Gateway.UnitTests.Scheduling.BatcherSetups;

namespace Gateway.UnitTests.Scheduling;

/// <summary>Batches that fail.</summary>
public sealed class BisectionTests
{
    private readonly PuppetStage _stage = new();
    private readonly ManualTimeProvider _time = new();

    // Requests of one row each, the poisoned among them, and the runs that finding them may take.
    [Theory]
    [InlineData(2, new[] { 0 })]
    [InlineData(2, new[] { 0, 1 })]
    [InlineData(3, new[] { 1 })]
    [InlineData(8, new[] { 7 })]
    [InlineData(8, new[] { 0, 7 })]
    [InlineData(8, new[] { 3, 4 })]
    [InlineData(16, new[] { 2, 13 })]
    [InlineData(64, new[] { 31, 32 })]
    public async Task Failure_UpToTwoPoisoned_OnlyTheyFail(int requests, int[] poisoned)
    {
        (Sent[] sent, int runs) = await RunPoisonedAsync(Policy with { MaxBatchRows = 64 }, requests, poisoned);

        for (int i = 0; i < requests; i++)
        {
            if (poisoned.Contains(i)) await AssertRefusedAsync(sent[i], StatusCode.Internal, "poison");
            else await AssertServedAsync(sent[i], i);
        }

        Assert.InRange(runs, 2, 1 + (4 * (int)Math.Ceiling(Math.Log2(requests))));
    }

    [Theory]
    [InlineData(64)]
    [InlineData(17)]
    public async Task Failure_AllPoisoned_StaysWithinTheBudget(int requests)
    {
        (Sent[] sent, int runs) = await RunPoisonedAsync(Policy with { MaxBatchRows = 64 }, requests, [.. Enumerable.Range(0, requests)]);

        foreach (Sent each in sent) await AssertRefusedAsync(each, StatusCode.Internal, "poison");
        Assert.InRange(runs, 2, 1 + (4 * (int)Math.Ceiling(Math.Log2(requests))));
    }

    [Fact]
    public async Task Failure_BisectionOff_FailsAllInOneRun()
    {
        (Sent[] sent, int runs) = await RunPoisonedAsync(Policy with { MaxBatchRows = 8, BisectsFailedBatches = false }, 4, [2]);

        foreach (Sent each in sent) await AssertRefusedAsync(each, StatusCode.Internal, "poison");
        Assert.Equal(1, runs);
    }

    [Fact]
    public async Task Failure_OfHalves_IsPaddedToAnAllowedSize()
    {
        await using TestModel model = new(Puppets(_stage, _time, Policy with { AllowedBatchSizes = [2, 4] }));
        PuppetRun run = await FullBatchAsync(model, 3);

        run.Fail("first");
        PuppetRun half = await _stage.NextAsync();
        half.Succeed();
        PuppetRun other = await _stage.NextAsync();
        other.Succeed();

        Assert.Equal((1, 2, 2, 2), (half.Rows, half.PaddedRows, other.Rows, other.PaddedRows));
    }

    [Fact]
    public async Task Failure_OfAnyException_FailsTheBatchAndTheInstanceGoesOn()
    {
        await using TestModel model = new(Puppets(_stage, _time));
        Sent sent = model.Send(1);
        (await _stage.NextAsync()).Throw(new InvalidCastException("unforeseen"));
        await AssertRefusedAsync(sent, StatusCode.Internal, "unforeseen");

        Sent next = model.Send(2);
        (await _stage.NextAsync()).Succeed();

        await AssertServedAsync(next, 2);
        Assert.Equal((1, 1), (model.Counts.FailedExecutions, model.Counts.Executions));
    }

    [Fact]
    public async Task Failure_WithAnId_NamesIt()
    {
        await using TestModel model = new(Puppets(_stage, _time));
        InferenceRequest request = model.Request(1);
        request.Id = "r-7";
        Sent sent = model.Send(request);

        (await _stage.NextAsync()).Fail("broken");

        await AssertRefusedAsync(sent, StatusCode.Internal, "[request id: r-7] broken");
    }

    // A model whose output does not keep the rows apart must never be read as if it did.
    [Theory]
    [InlineData(new long[] { 1, 1 }, "[1,1]")]
    [InlineData(new long[] { 5, 1 }, "[5,1]")]
    [InlineData(new long[] { }, "[]")]
    public async Task Output_NotARowForARow_FailsTheBatch(long[] shape, string text)
    {
        await using TestModel model = new(Puppets(_stage, _time));
        Sent sent = model.Send(1, 2, 3);

        (await _stage.NextAsync()).Succeed(() => [new(DataType.Int64, new TensorShape(shape), new byte[8 * (shape.Length == 0 ? 1 : shape[0])])]);

        await AssertRefusedAsync(
            sent, StatusCode.Internal, $"the model gave output 0 in shape {text} for a batch of 3: its first dimension is not the batch");
    }

    /// <summary>Makes a batch of single rows numbered from 0 run as one, failing whatever run has a poisoned row in it.</summary>
    private async Task<(Sent[] Sent, int Runs)> RunPoisonedAsync(BatchingPolicy policy, int requests, int[] poisoned)
    {
        await using TestModel model = new(Puppets(_stage, _time, policy));
        model.Send(1000);
        PuppetRun busy = await _stage.NextAsync();
        Sent[] sent = [.. Enumerable.Range(0, requests).Select(i => model.Send(i))];
        busy.Succeed();
        int runs = 0;
        Task all = Task.WhenAll(sent.Select(each => each.AnswerAsync()));
        Task<PuppetRun> next = _stage.NextAsync();
        while (await Task.WhenAny(next, all) == next)
        {
            PuppetRun run = await next;
            runs++;
            next = _stage.NextAsync();
            if (run.Values.Any(value => poisoned.Contains((int)value))) run.Fail("poison");
            else run.Succeed();
        }

        await all;
        return (sent, runs);
    }

    private async Task<PuppetRun> FullBatchAsync(TestModel model, int requests)
    {
        model.Send(1000);
        PuppetRun busy = await _stage.NextAsync();
        for (int i = 0; i < requests; i++) model.Send(i);
        busy.Succeed();
        return await _stage.NextAsync();
    }
}
