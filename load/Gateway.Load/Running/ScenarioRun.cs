using System.Net;
using Gateway.Load.Arrivals;
using Gateway.Load.Engine;
using Gateway.Load.Results;
using Gateway.Load.Scenarios;
using Gateway.Load.Statistics;

namespace Gateway.Load.Running;

/// <summary>A scenario under way: its threads, and what they count.</summary>
/// <remarks><b>Threading</b>: one owner; the workers have threads of their own. <b>Ownership</b>: <see cref="Join"/> before it is let go.</remarks>
internal sealed class ScenarioRun
{
    // So many points make a chart, and no more.
    private const int MostIntervals = 600;
    private const double ShortRunSeconds = 30;

    private readonly Preparation _prepared;
    private readonly IPEndPoint _server;
    private readonly IReadOnlyList<LoadSimulation> _simulations;
    private readonly TimeProvider _time;
    private readonly long _start;
    private readonly LoadWorker[] _workers;
    private readonly Thread[] _threads;
    private readonly SortedList<int, IntervalTally> _intervals = [];
    private readonly Threshold[] _ending;
    private readonly int[] _seen;
    private readonly int _seed;
    private readonly double _warmUpSeconds;
    private readonly double _intervalSeconds;
    private long _stopped;
    private volatile string? _failure;

    /// <param name="server">The scenario's own, or a null server.</param>
    /// <param name="start">When it begins; a timestamp, a moment from now, so that connections are there.</param>
    /// <param name="seed">Of the arrivals; null for the scenario's.</param>
    public ScenarioRun(Preparation prepared, IPEndPoint server, IReadOnlyList<LoadSimulation> simulations, double warmUpSeconds, bool verify, TimeProvider time, long start, int? seed = null)
    {
        _prepared = prepared;
        _server = server;
        _simulations = simulations;
        _time = time;
        _start = start;
        _warmUpSeconds = warmUpSeconds;
        Seconds = simulations.Sum(simulation => simulation.Seconds);
        _intervalSeconds = Seconds <= ShortRunSeconds ? 0.5 : Math.Max(1, Math.Ceiling(Seconds / MostIntervals));
        _workers = new LoadWorker[prepared.Plan.Threads];
        _threads = new Thread[_workers.Length];
        _ending = [.. prepared.Plan.Thresholds.Where(threshold => threshold.EndsRun)];
        _seen = new int[_workers.Length];
        _seed = seed ?? prepared.Plan.Seed;
        for (int i = 0; i < _threads.Length; i++)
        {
            int worker = i;
            using ManualResetEventSlim isReady = new();
            _threads[i] = new Thread(() => Run(worker, verify, isReady)) { IsBackground = true, Name = $"{prepared.Plan.Name} {i}" };
            _threads[i].Start();
            isReady.Wait();
        }
    }

    public ScenarioPlan Plan => _prepared.Plan;

    /// <summary>Of all simulations.</summary>
    public double Seconds { get; }

    public double IntervalSeconds => _intervalSeconds;

    public bool IsOver => _threads.All(thread => !thread.IsAlive);

    /// <summary>Why it ended before its time; null when it did not.</summary>
    public string? Failure => _failure ?? _workers.Select(worker => worker?.Tally.GaveUp).FirstOrDefault(reason => reason is not null);

    public int UnderWay => _workers.Sum(worker => worker?.UnderWay ?? 0);

    /// <summary>All workers' intervals that have ended, added up. What was added up before stays so: only what is new since the last look is.</summary>
    public IReadOnlyList<IntervalTally> Intervals
    {
        get
        {
            for (int i = 0; i < _workers.Length; i++)
            {
                if (_workers[i] is not { } worker) continue;
                foreach (IntervalTally each in worker.Tally.PublishedFrom(_seen[i]))
                {
                    _seen[i]++;
                    _intervals[each.Index] = _intervals.TryGetValue(each.Index, out IntervalTally? there) ? there.Plus(each) : each;
                }
            }

            return [.. _intervals.Values];
        }
    }

    /// <summary>The first of the thresholds that may end the run which cannot be kept any more; null as long as all can.</summary>
    /// <param name="planned">As for <see cref="Threshold.IsLost"/>.</param>
    public Threshold? Lost(long planned)
    {
        for (int i = 0; i < _ending.Length; i++)
        {
            long misses = _workers.Sum(worker => worker is { Tally.Misses: { Count: > 0 } published } ? published[i] : 0);
            if (_ending[i].IsLost(misses, planned)) return _ending[i];
        }

        return null;
    }

    /// <summary>Ends it early; calls that have no answer yet are not counted, unless the server went away.</summary>
    public void Stop()
    {
        Interlocked.CompareExchange(ref _stopped, _time.GetTimestamp(), 0);
        foreach (LoadWorker worker in _workers) worker?.Stop();
    }

    public void Join()
    {
        foreach (Thread thread in _threads) thread.Join();
    }

    /// <summary>What came of it; once it has been joined.</summary>
    public ScenarioResult Result(ProofResult? proof)
    {
        double ran = _stopped > 0 ? Math.Max(0, _time.GetElapsedTime(_start, _stopped).TotalSeconds) : Seconds;
        return RunResult.Of(Plan, _simulations, _warmUpSeconds, ran, _intervalSeconds, [.. _workers.Where(worker => worker is not null)], Intervals, proof);
    }

    private void Run(int index, bool verify, ManualResetEventSlim isReady)
    {
        try
        {
            ScenarioPlan plan = Plan;
            Sockets.Epoll.WakeOnTime();
            int connections = (plan.AllConnections / plan.Threads) + (index < plan.AllConnections % plan.Threads ? 1 : 0);
            using ICallTransport transport = _prepared.Connect(_server, connections, _time);
            WorkerPlan worker = new()
            {
                Steps = _prepared.Choices(index),
                WarmUpSeconds = _warmUpSeconds,
                DeadlineSeconds = plan.TimeoutMilliseconds / 1000,
                PatienceSeconds = plan.PatienceSeconds,
                DrainSeconds = plan.PatienceSeconds,
                IntervalSeconds = _intervalSeconds,
                Retry = plan.Retry,
                Verifier = verify ? _prepared.Verifier : null,
                EndingThresholds = _ending,
            };
            _workers[index] = new LoadWorker(worker, new ArrivalStream(_simulations, _seed, index, plan.Threads), transport, _time, _start);
            isReady.Set();
            _workers[index].Run();
            if (_workers[index].Tally.GaveUp is not null) Stop();
        }
        catch (Exception exception)
        {
            // The thread's boundary: whatever it is, the others' results are kept, and the run says so.
            _failure = exception.Message;
            isReady.Set();
            Stop();
        }
    }
}
