using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol.Tensors;

namespace Gateway.TestSupport;

/// <summary>One model of a stress run: its settings and requests drawn from a seed, from start to stop.</summary>
/// <remarks>
/// <b>Behaviour</b>: producers send in rounds and wait for each other between them. A request that is left lying is then not rescued by the next arrival: its
/// round never ends, and after <see cref="Patience"/> that is a violation. The model is stopped in the midst of the last round.
/// </remarks>
internal sealed class StressLife
{
    /// <summary>No round takes longer than some milliseconds; the rest is for a machine that is busy with other things.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly StressTally _tally;
    private readonly Random _random;
    private readonly TestModel _model;
    private readonly BatchingPolicy _policy;
    private readonly int _shapes;
    private readonly int _producers;
    private readonly int _rounds;
    private readonly int _mostBurst;
    private readonly int _cancelPercent;
    private readonly int _poisonPerMille;
    private readonly int _timeoutPercent;
    private readonly Barrier _barrier;
    private long _nextNumber;

    public StressLife(int seed, bool mixesRowsUp, StressTally tally)
    {
        _tally = tally;
        _random = new Random(seed);
        _policy = DrawPolicy();
        _shapes = _random.Next(1, 5);
        _producers = _random.Next(1, 9);

        // Some long enough for runs on the threads that bring the requests.
        _rounds = _random.Next(4) == 0 ? _random.Next(100, 300) : _random.Next(5, 40);
        _mostBurst = Draw(1, 4, 32);
        _cancelPercent = Draw(0, 5, 40);
        _poisonPerMille = Draw(0, 0, 2, 50);
        _timeoutPercent = Draw(0, 10, 50);
        int mostSpins = Draw(0, 50, 2000);
        _barrier = new Barrier(_producers);
        _model = new TestModel(new TestModelSetup
        {
            CreateExecutor = (_, pool, time) => new NumberModel(pool, time, _random.Next()) { MixesRowsUp = mixesRowsUp, MostSpins = mostSpins },
            Policy = _policy,
            Inputs = [TestModelSetup.Tensor("x", DataType.Int64, -1)],
            Outputs = [TestModelSetup.Tensor("y", DataType.Int64, -1)],
            Instances = _random.Next(1, 5),
            PoolBytes = 1L << 30,
        });
    }

    public async Task RunAsync()
    {
        TimeSpan grace = TimeSpan.FromMicroseconds(Draw(0, 100, 2000, 10_000_000));
        using ManualResetEventSlim isLastRound = new();
        Thread[] producers = new Thread[_producers];
        for (int i = 0; i < _producers; i++)
        {
            Random random = new(_random.Next());
            producers[i] = new Thread(() => Produce(random, isLastRound)) { IsBackground = true, Name = $"producer {i}" };
            producers[i].Start();
        }

        // Set too when a round did not end: then there is nothing to wait for.
        isLastRound.Wait();
        Task<int> stopped = _model.StopAsync(grace);
        foreach (Thread producer in producers) producer.Join();
        if (_tally.Violations.Count > 0) return;
        try
        {
            await stopped.WaitAsync(Patience).ConfigureAwait(false);
            await _model.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception error) when (error is TimeoutException or InvalidOperationException)
        {
            _tally.Violate($"the model did not stop in order: {error.Message}");
        }

        _barrier.Dispose();
    }

    private void Produce(Random random, ManualResetEventSlim isLastRound)
    {
        List<Task> answers = [];
        List<StressRequest> toCancel = [];
        for (int round = 1; round <= _rounds && _tally.Violations.Count == 0; round++)
        {
            if (!_barrier.SignalAndWait(Patience)) break;
            if (round == _rounds) isLastRound.Set();
            answers.Clear();
            toCancel.Clear();
            for (int i = random.Next(1, _mostBurst + 1); i > 0; i--)
            {
                StressRequest request = DrawRequest(random);
                bool isCancelled = random.Next(100) < _cancelPercent;
                if (isCancelled && random.Next(8) == 0) request.Cancel();
                answers.Add(request.SendAsync());
                if (!isCancelled) continue;
                if (random.Next(2) == 0) request.Cancel();
                else toCancel.Add(request);
            }

            foreach (StressRequest request in toCancel) request.Cancel();
            if (Task.WaitAll([.. answers], Patience)) continue;
            _tally.Violate($"{answers.Count(answer => !answer.IsCompleted)} requests of a round were not answered; {_model.Batcher.PendingRequests} wait in the queue");
        }

        isLastRound.Set();
    }

    private StressRequest DrawRequest(Random random)
    {
        int width = random.Next(1, _shapes + 1);
        int rows = random.Next(10) == 0 ? random.Next(1, (3 * _policy.MaxBatchRows) + 1) : random.Next(1, 4);
        long[] numbers = new long[rows * width];
        long first = Interlocked.Add(ref _nextNumber, numbers.Length);
        for (int i = 0; i < numbers.Length; i++) numbers[i] = first + i;
        if (random.Next(1000) < _poisonPerMille) numbers[random.Next(numbers.Length)] |= NumberModel.Poison;
        InferenceRequest request = _model.RequestOf(numbers, rows, width);
        request.Priority = random.Next(0, _policy.PriorityLevels + 2);
        if (random.Next(100) < _timeoutPercent) request.LimitTime(random.Next(1, 3000));
        return new StressRequest(request, numbers, width, _tally);
    }

    private BatchingPolicy DrawPolicy()
    {
        int most = Draw(1, 2, 4, 8, 32);
        bool isOrdered = _random.Next(4) == 0;
        int levels = isOrdered ? 1 : Draw(1, 1, 3);
        long ticksPerMicrosecond = TimeProvider.System.TimestampFrequency / 1_000_000;
        bool delays = !isOrdered && _random.Next(3) == 0;
        return new BatchingPolicy
        {
            MaxBatchRows = most,
            IsDynamic = _random.Next(8) != 0,
            FollowsLatencyCurve = _random.Next(2) == 0,
            PreferredBatchSizes = _random.Next(3) == 0 ? [.. new[] { most / 2, most }.Where(size => size > 0).Distinct()] : [],
            AllowedBatchSizes = _random.Next(3) == 0 ? [.. new[] { most / 2, most }.Where(size => size > 0).Distinct()] : [],
            MaxQueueDelay = Draw(0, 0, 100, 1000) * ticksPerMicrosecond,
            PreservesOrdering = isOrdered,
            PriorityLevels = levels,
            DefaultPriorityLevel = levels,
            QueuePolicies = [.. Enumerable.Repeat(new QueuePolicyTimes(Draw(0, 500, 5000) * ticksPerMicrosecond, true, delays, Draw(0, 0, 20)), levels)],
            MaxQueueRequests = Draw(8, 64, 4096),
            BisectsFailedBatches = _random.Next(4) != 0,
        };
    }

    private int Draw(params ReadOnlySpan<int> choices) => choices[_random.Next(choices.Length)];
}
