using Gateway.Core.Scheduling;
using Gateway.Protocol;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Scheduling;

/// <summary>Short runs of requests that come one at a time stay on the thread that brought them.</summary>
public sealed class LoneRunsTests
{
    private readonly ManualTimeProvider _time = new();

    // Of each run: whether it was within the sending of its request.
    private readonly List<bool> _here = [];
    private readonly HashSet<int> _threads = [];

    [ThreadStatic]
    private static bool _isSending;
    private Action _during = () => { };
    private TimeSpan _run = TimeSpan.FromMicroseconds(100);

    [Fact]
    public void Allows_OnlyAfterLoneBatchesInARow()
    {
        LoneRuns lone = new(_time);
        Repeat(LoneRuns.Period - 1, () => lone.Saw(isLone: true));

        Assert.False(lone.Allows(1));
        lone.Saw(isLone: true);
        Assert.True(lone.Allows(1));
        lone.Saw(isLone: false);
        Assert.False(lone.Allows(1));
    }

    [Fact]
    public void Allows_OneInAPeriodGoesToTheInstance()
    {
        LoneRuns lone = new(_time);
        Repeat(LoneRuns.Period, () => lone.Saw(isLone: true));

        for (int period = 0; period < 3; period++)
        {
            for (int i = 1; i < LoneRuns.Period; i++)
            {
                Assert.True(lone.Allows(1));
                lone.Saw(isLone: true);
            }

            Assert.False(lone.Allows(1));
            lone.Saw(isLone: true);
        }
    }

    [Fact]
    public void Allows_RunsOfKnownAndShortLengthOnly()
    {
        LoneRuns lone = new(_time);
        Repeat(LoneRuns.Period, () => lone.Saw(isLone: true));
        long limit = (long)(200e-6 * _time.TimestampFrequency);

        Assert.True(lone.Allows(limit));
        Assert.False(lone.Allows(limit + 1));
        Assert.False(lone.Allows(0));
    }

    [Fact]
    public async Task Send_OneAtATime_RunsOnTheSendersThread()
    {
        await using TestModel model = Model();

        for (int i = 0; i < 2 * LoneRuns.Period; i++) await SendAloneAsync(model, i);

        // The first period, and the last batch of the second, were elsewhere.
        Assert.DoesNotContain(true, _here[..LoneRuns.Period]);
        Assert.DoesNotContain(false, _here[LoneRuns.Period..^1]);
        Assert.False(_here[^1]);
    }

    [Fact]
    public async Task Send_Lone_IsAnsweredBeforeItReturns()
    {
        await using TestModel model = Model();
        await BecomeLoneAsync(model);

        Sent sent = model.Send(5);

        Assert.True(sent.AnswerAsync().IsCompletedSuccessfully);
        Assert.Equal([6], (await sent.AnswerAsync()).Values);
    }

    [Fact]
    public async Task Send_TheRunHasBecomeLong_GoesToTheInstance()
    {
        await using TestModel model = Model();
        await BecomeLoneAsync(model);

        _run = TimeSpan.FromMilliseconds(5);
        await SendAloneAsync(model, 1);
        Repeat(8, () => SendAloneAsync(model, 1).GetAwaiter().GetResult());

        Assert.False(_here[^1]);
    }

    [Fact]
    public async Task Send_ExecutorBoundToItsThread_NeverRunsElsewhere()
    {
        await using TestModel model = Model(canRunAnywhere: false);

        for (int i = 0; i < 2 * LoneRuns.Period; i++) await SendAloneAsync(model, i);

        Assert.Single(_threads);
    }

    [Fact]
    public async Task Send_WhileALoneRunIsUnderWay_GoesToTheInstanceAfterIt()
    {
        await using TestModel model = Model();
        await BecomeLoneAsync(model);
        Sent? second = null;
        _during = () =>
        {
            _during = () => { };
            second = model.Send(8);
        };

        Sent first = model.Send(7);

        Assert.Equal([8], (await first.AnswerAsync()).Values);
        Assert.Equal([9], (await second!.AnswerAsync()).Values);

        // Not alone any more: the next is run elsewhere again.
        await SendAloneAsync(model, 1);
        Assert.False(_here[^1]);
    }

    [Fact]
    public async Task Send_ALoneRunFails_IsThatRequestsErrorAndTheInstanceGoesOn()
    {
        await using TestModel model = Model();
        await BecomeLoneAsync(model);
        _during = () => throw new InvalidOperationException("broken");

        Answer failed = await model.Send(7).AnswerAsync();
        _during = () => { };

        Assert.Equal((StatusCode.Internal, "broken"), (failed.Status, failed.Error));
        await SendAloneAsync(model, 1);
    }

    [Fact]
    public async Task Cancel_DuringALoneRun_IsAnsweredAsCancelled()
    {
        await using TestModel model = Model();
        await BecomeLoneAsync(model);
        var request = model.Request(7);
        _during = request.Cancel;

        Answer answer = await model.Send(request).AnswerAsync();

        Assert.Equal(StatusCode.Cancelled, answer.Status);
    }

    [Fact]
    public async Task Stop_DuringALoneRun_WaitsForItBeforeTheExecutorGoes()
    {
        FunctionExecutor? executor = null;
        TestModel model = Model(created => executor = created);
        await BecomeLoneAsync(model);
        Task<int>? stopped = null;
        bool wasDisposed = true;
        _during = () =>
        {
            stopped = model.StopAsync(TimeSpan.FromHours(1));
            wasDisposed = executor!.IsDisposed;
        };

        Sent sent = model.Send(7);

        Assert.Equal([8], (await sent.AnswerAsync()).Values);
        Assert.Equal(0, await stopped!);
        Assert.False(wasDisposed);
        Assert.True(executor!.IsDisposed);
        await model.DisposeAsync();
    }

    private static void Repeat(int times, Action action)
    {
        for (int i = 0; i < times; i++) action();
    }

    /// <summary>A model that adds one and takes <see cref="_run"/>.</summary>
    private TestModel Model(Action<FunctionExecutor>? created = null, bool canRunAnywhere = true) => new(new TestModelSetup
    {
        Time = _time,
        CreateExecutor = (layout, pool, time) =>
        {
            FunctionExecutor executor = new(layout, pool, time, (_, inputs, outputs) =>
            {
                _threads.Add(Environment.CurrentManagedThreadId);
                _here.Add(_isSending);
                _time.Advance(_run);
                _during();
                long sum = BitConverter.ToInt64(inputs[0]) + 1;
                BitConverter.TryWriteBytes(outputs[0], sum);
            })
            { CanRunAnywhere = canRunAnywhere };
            created?.Invoke(executor);
            return executor;
        },
    });

    private async Task BecomeLoneAsync(TestModel model)
    {
        for (int i = 0; i < LoneRuns.Period; i++) await SendAloneAsync(model, i);
    }

    private static async Task SendAloneAsync(TestModel model, long value)
    {
        await model.WhenIdleAsync();
        _isSending = true;
        Sent sent = model.Send(value);
        _isSending = false;
        Answer answer = await sent.AnswerAsync();
        Assert.Equal([value + 1], answer.Values);
        await model.WhenIdleAsync();
    }
}
