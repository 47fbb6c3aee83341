using Gateway.Core.Scheduling;

namespace Gateway.TestSupport.Simulation;

/// <summary>Runs a batching policy, the real code, in virtual time: arrivals, a queue, instances that take as long as a model's curve says.</summary>
/// <remarks><b>Behaviour</b>: the same setup gives the same result on any machine. Handles events as the batcher does, with instances that answer at once.</remarks>
public sealed class Simulator
{
    private const double SkippedShare = 0.1;
    private const double StallFactor = 20;

    private readonly SimulationSetup _setup;
    private readonly BatchingPolicy _policy;
    private readonly Random _random;
    private readonly IBatchFormer _former;
    private readonly RequestQueue _queue;
    private readonly SimulatedModel[] _models;
    private readonly LatencyModel[] _latencies;
    private readonly BatchPlan _plan = new();
    private readonly InstanceView[] _views;
    private readonly List<SimulatedRequest>[] _running;
    private readonly double[] _busyUntil;
    private readonly PriorityQueue<SimulatedRequest, double> _arrivals = new();
    private readonly SimulationResult _result;
    private readonly double _end;
    private double _nextFresh;
    private double _phaseEnds;
    private bool _isBurst;
    private long _sequence;
    private double _now;

    private Simulator(SimulationSetup setup, BatchingPolicy policy)
    {
        _setup = setup;
        _policy = policy;
        _random = new Random(setup.Seed);
        _former = policy.MakeFormer(SimulatedTime.Instance);
        _queue = new RequestQueue(_former.Order, policy.PriorityLevels);
        LatencyModel first = Latency(setup.Model);
        _models = [.. Enumerable.Repeat(setup.Model, setup.Instances), .. setup.Further];
        _latencies = [.. Enumerable.Repeat(first, setup.Instances), .. setup.Further.Select(Latency)];
        _views = [.. _latencies.Select((_, i) => InstanceView.Idle(Unlike(i)))];
        _running = [.. _models.Select(_ => new List<SimulatedRequest>())];
        _busyUntil = new double[_models.Length];
        _result = new SimulationResult(setup);
        _end = setup.Requests / MeanRate;
        _nextFresh = Gap(0);
    }

    // Given the time, from 0 to 1, each request that has ended, and whether it did so in time.
    private Action<double, SimulatedRequest, bool>? OnEnded { get; init; }

    // Requests a nanosecond.
    private double MeanRate => _setup.Load * _setup.Capacity / _setup.Classes.Sum(each => each.Share * each.Work * (1 + each.MostRows) / 2.0);

    private LatencyModel Latency(SimulatedModel model) => _setup.HasProfile ? model.Profile(_setup.ProfileFactor, _setup.ProfileShape, _setup.ProfiledElements) : new LatencyModel(model.MaxBatchRows);

    private LatencyModel? Unlike(int instance) => _setup.Further.Count > 0 ? _latencies[instance] : null;

    /// <param name="onEnded">Given the time, from 0 to 1, each request that has ended for good, and whether it did so in time; for measures of its own.</param>
    public static SimulationResult Run(SimulationSetup setup, BatchingPolicy? policy = null, Action<double, SimulatedRequest, bool>? onEnded = null) =>
        new Simulator(setup, policy ?? new BatchingPolicy { MaxBatchRows = setup.Model.MaxBatchRows, MaxQueueRequests = int.MaxValue }) { OnEnded = onEnded }.Run();

    private SimulationResult Run()
    {
        while (true)
        {
            int ending = -1;
            for (int i = 0; i < _views.Length; i++)
            {
                if (!_views[i].IsIdle && (ending < 0 || _busyUntil[i] < _busyUntil[ending])) ending = i;
            }

            double arrival = NextArrival();
            double end = ending < 0 ? double.PositiveInfinity : _busyUntil[ending];
            double wake = _queue.Count > 0 && _plan.WakeAt != QueueEntry.NoDeadline ? Math.Max(_now, _plan.WakeAt) : double.PositiveInfinity;
            double next = Math.Min(Math.Min(arrival, end), wake);
            if (double.IsPositiveInfinity(next)) break;
            _now = next;
            if (next == end) Finish(ending);
            else if (next == arrival) Arrive();
            while (_queue.TryTakeExpired((long)_now, out QueueEntry? expired)) Refuse((SimulatedRequest)expired!);
            Dispatch();
            if (_queue.Count == 0 || _views.Any(view => view.IsIdle)) continue;
            _former.Preview(View(), _plan);
            RefusePlanned();
        }

        _result.Nanoseconds = _end * (1 - SkippedShare);
        _result.Sort();
        return _result;
    }

    private double NextArrival()
    {
        double fresh = _nextFresh < _end ? _nextFresh : double.PositiveInfinity;
        return _arrivals.TryPeek(out _, out double retry) ? Math.Min(fresh, retry) : fresh;
    }

    private void Arrive()
    {
        SimulatedRequest request;
        if (_arrivals.TryPeek(out SimulatedRequest? retried, out double at) && at <= _now)
        {
            _arrivals.Dequeue();
            request = retried;
        }
        else
        {
            request = Fresh();
            _result.Arrivals++;
            _nextFresh += Gap(_nextFresh);
            if (Counts(_now))
            {
                _result.Offered++;
                _result.RowsOffered += request.Rows * request.Class.Work;
                _result.OfferedByClass[request.ClassIndex]++;
            }
        }

        request.Arrival = (long)_now;
        request.Sequence = ++_sequence;
        if (!_policy.IsTritons && request.Class.Time > 0) request.Deadline = (long)(_now + request.Class.Time);
        if (_policy.IsTritons && _policy.TimeFor(request.Priority, 0) is > 0 and long timeout) request.TimesOutAt = (long)_now + timeout;
        Refusal refusal = _former.Admit(request, View());
        if (refusal.Reason != RefusalReason.None)
        {
            Refuse(request);
            return;
        }

        _queue.Add(request);
    }

    private SimulatedRequest Fresh()
    {
        double pick = _random.NextDouble() * _setup.Classes.Sum(each => each.Share);
        int index = 0;
        while (index < _setup.Classes.Count - 1 && pick >= _setup.Classes[index].Share) pick -= _setup.Classes[index++].Share;
        RequestClass chosen = _setup.Classes[index];
        return new SimulatedRequest
        {
            Class = chosen,
            ClassIndex = index,
            Rows = _random.Next(1, chosen.MostRows + 1),
            Priority = chosen.Priority,
            Tenant = chosen.Tenant,
            ShapeKey = ((ulong)(chosen.Elements - 1) << 32) + (chosen.Shapes > 1 ? (ulong)_random.Next(chosen.Shapes) : 0),
            ShapeClass = _setup.KnowsShapes ? ShapeClasses.Of(chosen.Elements) : 0,
            FirstArrival = _now,
        };
    }

    private double Gap(double at)
    {
        double rate = MeanRate * (_setup.LoadOverTime?.Invoke(at / _end) ?? 1);
        if (_setup.IsBursty)
        {
            while (at >= _phaseEnds)
            {
                // 50 best batches long on the whole; a quarter of the time at 2.5, the rest at half of the mean.
                _isBurst = _phaseEnds > 0 && !_isBurst;
                double dwell = (_isBurst ? 25 : 75) * _setup.Model.Nanoseconds(_setup.Model.BestRows);
                _phaseEnds = Math.Max(_phaseEnds, at) - (dwell * Math.Log(1 - _random.NextDouble()));
            }

            rate *= _isBurst ? 2.5 : 0.5;
        }

        return -Math.Log(1 - _random.NextDouble()) / rate;
    }

    private void Dispatch()
    {
        // The fastest first, as the batcher does where they differ.
        for (int i = 0; i < _views.Length && _queue.Count > 0; i++)
        {
            if (!_views[i].IsIdle) continue;
            _former.Decide(View(i), _plan);
            RefusePlanned();
            if (_plan.Parts.Length == 0) return;
            foreach (BatchPlan.Part part in _plan.Parts)
            {
                SimulatedRequest request = (SimulatedRequest)part.Entry;
                _queue.Take(request, part.Rows);
                request.OpenParts++;
                _running[i].Add(request);
            }

            double slowness = _setup.SlownessOverTime?.Invoke(_now / _end) ?? 1;
            SimulatedRequest first = (SimulatedRequest)_plan.Parts[0].Entry;
            double time = _models[i].Nanoseconds(_plan.Rows) * first.Class.Work * slowness * Noise();
            if (_setup.Stalls > 0 && _random.NextDouble() < _setup.Stalls)
            {
                if (Counts(_now)) _result.StalledNanoseconds += (StallFactor - 1) * time;
                time *= StallFactor;
            }

            _views[i] = new InstanceView(false, (long)_now, _plan.Rows, Latency: Unlike(i), ShapeClass: first.ShapeClass);
            _busyUntil[i] = _now + time;
        }
    }

    private double Noise()
    {
        double factor = 1;
        if (_setup.Noise > 0)
        {
            double gauss = Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble());
            factor = Math.Exp((_setup.Noise * gauss) - (_setup.Noise * _setup.Noise / 2));
        }

        return factor;
    }

    private void Finish(int instance)
    {
        InstanceView view = _views[instance];
        _latencies[instance].Record(view.BatchRows, (long)_now - view.StartedAt, (long)_now, view.ShapeClass);
        _views[instance] = InstanceView.Idle(Unlike(instance));
        foreach (SimulatedRequest request in _running[instance])
        {
            request.OpenParts--;
            if (request.OpenParts > 0 || request.RowsWaiting > 0 || request.IsAbandoned) continue;
            bool isInTime = request.Class.Time == 0 || _now <= request.Arrival + request.Class.Time;
            if (Counts(request.FirstArrival))
            {
                _result.AnswerTimes.Add(_now - request.FirstArrival);
                _result.AnsweredByClass[request.ClassIndex]++;
                if (isInTime) _result.CountInTime(request);
                else _result.RowsWasted += request.Rows * request.Class.Work;
            }

            if (!isInTime && request.Attempt < _setup.Retries) Retry(request, _now);
            else OnEnded?.Invoke(_now / _end, request, isInTime);
        }

        _running[instance].Clear();
    }

    private void RefusePlanned()
    {
        foreach (BatchPlan.Refused refused in _plan.Refusals)
        {
            _queue.Remove(refused.Entry);
            Refuse((SimulatedRequest)refused.Entry);
        }
    }

    private void Refuse(SimulatedRequest request)
    {
        request.IsAbandoned = request.RowsTaken > 0;
        if (Counts(request.FirstArrival))
        {
            _result.RowsWasted += request.RowsTaken * request.Class.Work;
            _result.Refused++;
            _result.RefusalTimes.Add(_now - request.Arrival);
        }

        if (request.Attempt < _setup.Retries) Retry(request, _now + (request.Class.Time * (0.25 + (0.25 * _random.NextDouble()))));
        else OnEnded?.Invoke(_now / _end, request, false);
    }

    private void Retry(SimulatedRequest request, double at)
    {
        if (at >= _end) return;
        _arrivals.Enqueue(
            new SimulatedRequest
            {
                Class = request.Class,
                ClassIndex = request.ClassIndex,
                Rows = request.Rows,
                Priority = request.Priority,
                Tenant = request.Tenant,
                ShapeKey = request.ShapeKey,
                ShapeClass = request.ShapeClass,
                Attempt = request.Attempt + 1,
                FirstArrival = request.FirstArrival,
            },
            at);
    }

    private bool Counts(double arrival) => arrival >= _end * SkippedShare && arrival < _end;

    private SchedulingView View(int instance = 0) => new(_queue, _latencies[instance], _views, (long)_now, isDraining: false);

    /// <summary>A clock that says only that its ticks are nanoseconds.</summary>
    private sealed class SimulatedTime : TimeProvider
    {
        public static readonly SimulatedTime Instance = new();

        public override long TimestampFrequency => 1_000_000_000;
    }
}
