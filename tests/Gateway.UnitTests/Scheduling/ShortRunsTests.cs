using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Scheduling;

/// <summary>Batches of light models are run by the threads that bring their requests, which are held back while enough waits.</summary>
public sealed class ShortRunsTests : IDisposable
{
    private const int BatchRows = 8;
    private readonly ManualTimeProvider _time = new();
    private readonly ManualResetEventSlim _open = new(initialState: true);
    private readonly List<(bool OnPool, bool IsHere, int Rows)> _runs = [];
    private TimeSpan _run = TimeSpan.FromMicroseconds(100);

    [ThreadStatic]
    private static bool _isSending;

    public void Dispose() => _open.Dispose();

    [Fact]
    public async Task Send_ShortModel_IsRunOnTheThreadPool()
    {
        await using TestModel model = Model();
        await LearnAsync(model);

        await SendAsync(model, [1, 2, 3]);

        Assert.True(_runs[^1].OnPool);
    }

    [Theory]
    [InlineData(5000, true)]
    [InlineData(100, false)]
    public async Task Send_LongModelOrOneBoundToItsThread_IsRunOnItsOwn(int microseconds, bool canRunAnywhere)
    {
        _run = TimeSpan.FromMicroseconds(microseconds);
        await using TestModel model = Model(canRunAnywhere: canRunAnywhere);
        await LearnAsync(model);

        await SendAsync(model, [1, 2, 3]);

        Assert.False(_runs[^1].OnPool);
    }

    [Fact]
    public async Task Send_TheModelHasBecomeLong_GoesBackToItsOwnThread()
    {
        await using TestModel model = Model();
        await LearnAsync(model);
        _run = TimeSpan.FromMilliseconds(20);
        for (int i = 0; i < 2 * BatchRows; i++) await SendAsync(model, [1, 2, 3, 4, 5, 6, 7, 8]);

        Assert.False(_runs[^1].OnPool);
        _run = TimeSpan.FromMicroseconds(100);
        for (int i = 0; i < 2 * BatchRows; i++) await SendAsync(model, [1, 2, 3, 4, 5, 6, 7, 8]);
        Assert.True(_runs[^1].OnPool);
    }

    [Fact]
    public async Task Send_FullBatch_IsRunByWhoBroughtItsLastRow()
    {
        await using TestModel model = Model();
        await LearnAsync(model);
        for (int attempt = 0; attempt < 10_000 && !_runs.Exists(run => run is { IsHere: true, Rows: BatchRows }); attempt++)
        {
            // The thread pool may be there before the eighth.
            Task<Answer>[] answers = [.. Enumerable.Range(0, BatchRows).Select(i => Send(model, [i]).AnswerAsync())];
            await Task.WhenAll(answers);
            await model.WhenIdleAsync();
        }

        Assert.Contains(_runs, run => run is { IsHere: true, Rows: BatchRows });
    }

    [Fact]
    public async Task HoldsBack_TwoFullBatchesWait_UntilTheyDoNot()
    {
        await using TestModel model = Model();
        await LearnAsync(model);
        Reader reader = new();
        Assert.False(model.Model.HoldsBack(reader));
        Task run = await BlockAsync(model);
        List<Task<Answer>> waiting = [.. Enumerable.Range(0, (2 * BatchRows) - 1).Select(i => Send(model, [i]).AnswerAsync())];
        Assert.False(model.Model.HoldsBack(reader));
        waiting.Add(Send(model, [1]).AnswerAsync());

        Assert.True(model.Model.HoldsBack(reader));
        Assert.False(reader.Told.Task.IsCompleted);
        _open.Set();

        await reader.Told.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        await Task.WhenAll([run, .. waiting]);
        Assert.False(model.Model.HoldsBack(reader));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task HoldsBack_WhereItMattersWhoWaits_Never(bool hasPriorities)
    {
        await using TestModel model = Model(hasPriorities ? 2 : 1);
        await LearnAsync(model);
        Tenant[] tenants = [new Tenant("a", 0, new TenantLimits(), _time), new Tenant("b", 1, new TenantLimits(), _time)];
        Task run = await BlockAsync(model);
        List<Task<Answer>> waiting = [];
        for (int i = 0; i < 4 * BatchRows; i++)
        {
            var request = model.Request(i);
            if (!hasPriorities) request.AdmitAs(tenants[i % 2]);
            waiting.Add(model.Send(request).AnswerAsync());
        }

        Assert.False(model.Model.HoldsBack(new Reader()));
        _open.Set();
        await Task.WhenAll([run, .. waiting]);
    }

    [Fact]
    public async Task HeldBack_AddedAndLetGoByManyThreads_LosesNobody()
    {
        HeldBack held = new();
        long told = 0;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (int i = 0; i < 20_000; i++)
            {
                held.Add(new Counting(() => Interlocked.Increment(ref told)));
                if (i % 3 == 0) held.LetGo();
            }
        })));
        held.LetGo();

        Assert.Equal(80_000, told);
        Assert.True(held.IsEmpty);
    }

    /// <summary>Has the instance run a batch that does not end before <see cref="_open"/> is set.</summary>
    private async Task<Task> BlockAsync(TestModel model)
    {
        _open.Reset();
        int runs = _runs.Count;
        Task run = Send(model, [0]).AnswerAsync();
        while (Volatile.Read(ref runs) == _runs.Count) await Task.Yield();
        return run;
    }

    /// <summary>Until what batches take is known, also that of the best size.</summary>
    private async Task LearnAsync(TestModel model)
    {
        for (int i = 0; i < 20; i++) await SendAsync(model, [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    private static async Task SendAsync(TestModel model, long[] values)
    {
        Answer answer = await Send(model, values).AnswerAsync();
        Assert.Equal(values.Select(value => value + 1), answer.Values);
        await model.WhenIdleAsync();
    }

    private static Sent Send(TestModel model, long[] values)
    {
        _isSending = true;
        Sent sent = model.Send(values);
        _isSending = false;
        return sent;
    }

    /// <summary>A model that adds one and takes <see cref="_run"/>, however many rows.</summary>
    private TestModel Model(int priorities = 1, bool canRunAnywhere = true) => new(new TestModelSetup
    {
        Time = _time,
        Policy = new BatchingPolicy { MaxBatchRows = BatchRows, FollowsLatencyCurve = false, PriorityLevels = priorities, QueuePolicies = [.. Enumerable.Repeat(default(QueuePolicyTimes), priorities)] },
        CreateExecutor = (layout, pool, time) => new FunctionExecutor(layout, pool, time, (batch, inputs, outputs) =>
        {
            _runs.Add((Thread.CurrentThread.IsThreadPoolThread, _isSending, batch.Rows));
            _time.Advance(_run);
            _open.Wait(TimeSpan.FromSeconds(30));
            for (int i = 0; i < batch.Rows; i++) BitConverter.TryWriteBytes(outputs[0].AsSpan(8 * i), BitConverter.ToInt64(inputs[0], 8 * i) + 1);
        })
        { CanRunAnywhere = canRunAnywhere },
    });

    private sealed class Reader : IHeldBack
    {
        public TaskCompletionSource Told { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public IHeldBack? NextHeld { get; set; }

        public void GoOn() => Told.SetResult();
    }

    private sealed class Counting(Action told) : IHeldBack
    {
        public IHeldBack? NextHeld { get; set; }

        public void GoOn() => told();
    }
}
