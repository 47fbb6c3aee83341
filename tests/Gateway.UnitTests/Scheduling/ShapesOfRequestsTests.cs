using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol.Tensors;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Scheduling;

/// <summary>A model whose runs take as many milliseconds as a row has eights of elements, on a clock that the test moves.</summary>
public sealed class ShapesOfRequestsTests
{
    private const int Short = 8;
    private const int Long = 128;

    private readonly PuppetStage _stage = new();
    private readonly ManualTimeProvider _time = new();

    private TestModelSetup Setup => new()
    {
        CreateExecutor = _stage.CreateExecutor,
        Time = _time,
        Policy = new BatchingPolicy { MaxBatchRows = 4 },
        Inputs = [TestModelSetup.Tensor("x", DataType.Int64, -1)],
        Outputs = [TestModelSetup.Tensor("y", DataType.Int64, -1)],
    };

    [Fact]
    public async Task SameDeadline_TheLongOneIsRefusedAndTheShortOneServed()
    {
        await using TestModel model = new(Setup);
        for (int i = 0; i < 10; i++)
        {
            await RunAsync(model, Short);
            await RunAsync(model, Long);
        }

        await AssertRefusedAsync(Send(model, Long, milliseconds: 5), "after 16");
        await RunAsync(model, Short, milliseconds: 5);
        await RunAsync(model, Long, milliseconds: 20);
    }

    [Fact]
    public async Task LongOnesRan_ShortOnesAreNotRefusedForThat()
    {
        await using TestModel model = new(Setup);
        await RunAsync(model, Short);
        for (int i = 0; i < 50; i++) await RunAsync(model, Long);

        await RunAsync(model, Short, milliseconds: 2);

        // Nor while another short one runs, whoever asks: that it is over in time is known.
        Sent first = Send(model, Short, milliseconds: 5);
        PuppetRun running = await _stage.NextAsync();
        Assert.False(model.Batcher.TurnsAway(4_000, out _));
        Sent second = Send(model, Short, milliseconds: 4);
        Assert.False(second.IsAnswered);
        End(running, Short);
        End(await _stage.NextAsync(), Short);
        Assert.Null((await first.AnswerAsync()).Error);
        Assert.Null((await second.AnswerAsync()).Error);
    }

    [Fact]
    public async Task LongOneRuns_WhoComesIsRefusedByWhatItTakes()
    {
        await using TestModel model = new(Setup);
        await RunAsync(model, Long);
        for (int i = 0; i < 50; i++) await RunAsync(model, Short);

        Sent running = Send(model, Long, milliseconds: 100);
        PuppetRun run = await _stage.NextAsync();
        Assert.True(model.Batcher.TurnsAway(10_000, out _));
        await AssertRefusedAsync(Send(model, Short, milliseconds: 10), "after 17");
        Sent behind = Send(model, Short, milliseconds: 20);
        await AssertRefusedAsync(Send(model, Long, milliseconds: 24), "after 32");
        End(run, Long);
        End(await _stage.NextAsync(), Short);

        Assert.Null((await running.AnswerAsync()).Error);
        Assert.Null((await behind.AnswerAsync()).Error);
    }

    // A long one that waits is in the way of one of another shape that has not much more time; a short one is not, whatever ran before.
    [Fact]
    public async Task OthersWait_EachCountsForItsOwnShape()
    {
        await using TestModel model = new(Setup);
        for (int i = 0; i < 20; i++)
        {
            await RunAsync(model, Short);
            await RunAsync(model, Long);
        }

        Sent running = Send(model, Short, milliseconds: 100);
        PuppetRun run = await _stage.NextAsync();
        Sent waiting = Send(model, Long, milliseconds: 20);
        await AssertRefusedAsync(Send(model, 2 * Short, milliseconds: 21), "behind 1 row");
        End(run, Short);
        End(await _stage.NextAsync(), Long);
        Assert.Null((await running.AnswerAsync()).Error);
        Assert.Null((await waiting.AnswerAsync()).Error);

        running = Send(model, Short, milliseconds: 100);
        run = await _stage.NextAsync();
        waiting = Send(model, Short, milliseconds: 8);
        Sent behind = Send(model, 2 * Short, milliseconds: 12);
        Assert.False(behind.IsAnswered);
        End(run, Short);
        End(await _stage.NextAsync(), Short);
        End(await _stage.NextAsync(), 2 * Short);
        Assert.Null((await running.AnswerAsync()).Error);
        Assert.Null((await waiting.AnswerAsync()).Error);
        Assert.Null((await behind.AnswerAsync()).Error);
    }

    // In proportion to the elements it would take half a second.
    [Fact]
    public async Task GuessedToTakeTooLong_IsTriedWhenNothingElseIsThere()
    {
        await using TestModel model = new(Setup);
        for (int i = 0; i < 10; i++) await RunAsync(model, Short);

        await RunAsync(model, 4096, milliseconds: 50, takes: 10);
        await RunAsync(model, 4096, milliseconds: 15, takes: 10);
    }

    private Sent Send(TestModel model, int elements, long milliseconds = 0)
    {
        InferenceRequest request = model.RequestOf(new long[elements], 1, elements);
        if (milliseconds > 0) request.LimitTime(1000 * milliseconds);
        return model.Send(request);
    }

    private static async Task AssertRefusedAsync(Sent sent, string text)
    {
        Answer answer = await sent.AnswerAsync();
        Assert.Equal(RequestOutcome.Rejected, answer.Outcome);
        Assert.Contains(text, answer.Error, StringComparison.Ordinal);
    }

    private void End(PuppetRun run, int elements)
    {
        Assert.Equal(elements, run.InputShape[1]);
        _time.Advance(TimeSpan.FromMilliseconds(elements / 8.0));
        run.Succeed();
    }

    private async Task RunAsync(TestModel model, int elements, long milliseconds = 0, double? takes = null)
    {
        await model.WhenIdleAsync();
        Sent sent = Send(model, elements, milliseconds);
        PuppetRun run = await _stage.NextAsync();
        _time.Advance(TimeSpan.FromMilliseconds(takes ?? elements / 8.0));
        run.Succeed();
        Assert.Null((await sent.AnswerAsync()).Error);
        await model.WhenIdleAsync();
    }
}
