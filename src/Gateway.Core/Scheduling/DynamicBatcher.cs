using System.Threading.Channels;
using Gateway.Core.Diagnostics;
using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling.Resources;
using Gateway.Core.Tenants;
using Gateway.Protocol;

namespace Gateway.Core.Scheduling;

/// <summary>One model's queue and its instances: takes requests in, has the batch former decide, calls idle instances to their batches.</summary>
/// <remarks>
/// <b>Behaviour</b>: a request goes through a bounded channel, the inbox, from which whoever holds the lock moves it to the queue. Nobody waits for that lock
/// on the way in: an arrival that finds it taken leaves its request in the inbox, and the holder looks there again after it has let go. So refusals,
/// expiries and batches are decided at once, on the thread that brought the event (an arrival, an instance that has become idle, a cancellation, the timer);
/// there is no scheduling thread to wake, and nothing polls. Effects (completing requests, waking instances) happen outside the lock. Short runs of requests
/// that come one at a time stay on the arrival's thread (<see cref="LoneRuns"/>), and batches of light models on the front door's threads (<see cref="ShortRuns"/>), which are then held
/// up for as long.
/// <b>Threading</b>: any thread. Whoever has held the lock pumps afterwards, since an arrival may have found it taken. <b>Ownership</b>: a request is the batcher's from <see cref="Enqueue"/> until it is completed, exactly once.
/// <b>Cost</b>: no allocation a request; one uncontended lock and one decision an event.
/// </remarks>
public sealed partial class DynamicBatcher : IAsyncDisposable
{
    /// <summary>Time for runs to notice that they are cut short. ONNX Runtime looks between two operators: only a single one that takes longer is left alone.</summary>
    internal static readonly TimeSpan CutShortPatience = TimeSpan.FromSeconds(5);

    // Calling a thread to a batch and handing its answers over; 10 to 30 µs on the machine that this was written on.
    private static readonly TimeSpan BatchOverhead = TimeSpan.FromMicroseconds(20);

    // No other server could better a batch and a quarter by much, or two runs and a half of one row.
    private const double FloorBatches = 1.25;
    private const double FloorRuns = 2.5;

    private readonly IBatchFormer _former;
    private readonly Channel<InferenceRequest> _inbox;
    private readonly Lock _lock = new();
    private readonly Lock _stopLock = new();
    private readonly RequestQueue _queue;
    private readonly BatchPlan _plan = new();
    private readonly InstanceSet _instances;
    private readonly QueueBounds _waiting;
    private readonly Unanswered _unanswered;
    private readonly AdmissionGate _gate;
    private readonly LoneRuns _loneRuns;
    private readonly ShortRuns _shortRuns;
    private readonly HeldBack _held = new();
    private readonly WakeTimer _timer;
    private readonly ReleaseOrder? _releaseOrder;

    // Null where no instance needs resources.
    private RateLimiter? _limiter;
    private Task<int>? _stopped;
    private long _nextSequence;
    private bool _hasShapes;

    // Whether any request has had one: until then nothing is looked ahead for.
    private volatile bool _hasDeadlines;

    /// <param name="statistics">The counters to go on with, of a model that takes another's place; null for new ones.</param>
    /// <param name="groups">Instance groups, which may differ in what runs take.</param>
    internal DynamicBatcher(BatchingPolicy policy, IBatchFormer former, BlockPool pool, TimeProvider time, ModelStatistics? statistics = null, int groups = 1)
    {
        Policy = policy;
        _former = former;
        Pool = pool;
        Time = time;
        _queue = new RequestQueue(former.Order, policy.PriorityLevels);
        _inbox = Channel.CreateBounded<InferenceRequest>(new BoundedChannelOptions(policy.MaxQueueRequests) { AllowSynchronousContinuations = false });
        _gate = new AdmissionGate(time);
        _loneRuns = new LoneRuns(time);
        _timer = new WakeTimer(time, OnTimer);
        _releaseOrder = policy.PreservesOrdering ? new ReleaseOrder() : null;
        _instances = new InstanceSet(policy);
        _waiting = new QueueBounds(policy, _queue.Shares);
        _unanswered = new Unanswered(time);
        Latencies = [.. Enumerable.Range(0, groups).Select(_ => new LatencyModel(policy.MaxBatchRows, (long)(BatchOverhead.TotalSeconds * time.TimestampFrequency)))];
        _shortRuns = new ShortRuns(policy, time);
        Statistics = statistics ?? new ModelStatistics(time);
    }

    public BatchingPolicy Policy { get; }

    /// <summary>The clock of its timestamps.</summary>
    public TimeProvider Time { get; }

    /// <summary>What batches take, by instance group.</summary>
    public IReadOnlyList<LatencyModel> Latencies { get; }

    /// <summary>That of the first group, which is the only one for nearly all models.</summary>
    public LatencyModel Latency => Latencies[0];

    public ModelStatistics Statistics { get; }

    /// <summary>Requests accepted and not yet wholly given to an instance.</summary>
    public int PendingRequests => _waiting.Requests;

    /// <summary>Bytes of the blocks of the pending requests.</summary>
    public long PendingBytes => _waiting.Bytes;

    /// <summary>Whether a request that comes now would be refused, of however few rows it is: a protocol endpoint can say so before it reads the tensors. It counts as accepted and refused.</summary>
    /// <param name="timeoutMicroseconds">The time that the client gives it; 0 for none.</param>
    /// <param name="refusal">Why, with the text for the client.</param>
    /// <param name="tenant">Whose it is; null where requests have no tenants.</param>
    /// <param name="waited">Timestamp ticks since it came.</param>
    /// <param name="isBeingRead">Whether it has been taken off the wire, or is being: they are then not for how long it has lain unread.</param>
    /// <param name="priority">The level that it asks for, 0 for the model's default; null while the rest of it may yet ask for any, and for more time than the model gives.</param>
    public bool TurnsAway(long timeoutMicroseconds, out EarlyRefusal refusal, Tenant? tenant = null, long waited = 0, int? priority = null, bool isBeingRead = false)
    {
        refusal = default;
        int level = priority is { } asked ? Policy.LevelOf(asked) : 1;
        long timeout = (timeoutMicroseconds == 0 && priority is null) ? 0 : TimeFor(level, timeoutMicroseconds);
        if (_waiting.IsFullFor(tenant))
        {
            refusal = new EarlyRefusal(new RefusalText(RefusalReason.QueueFull, Ahead: _waiting.Requests), null);
        }
        else
        {
            if (timeout <= 0) return false;
            if (Policy.CountsFromTheQueue(level, timeout)) waited = 0;
            double portion = tenant is null ? 1 : _queue.Shares.PortionAhead(tenant, _queue.Rows, Time.GetTimestamp() + timeout - waited);
            if (!_gate.TurnsAway(timeout, waited, isBeingRead, level, portion, out refusal)) return false;
        }

        Statistics.CountRefused(refusal.Reason);
        return true;
    }

    /// <summary>
    /// Whether a request of one row that comes now may be late: others wait, or all instances are busy, and after what they may be running it would take longer than a share of its time.
    /// </summary>
    /// <remarks>
    /// Without the lock, so it may be an event behind. Of one that has all the time there is, it says so too while all are busy, once any request has had less: what has not been
    /// read of it may give it less.
    /// </remarks>
    /// <param name="timeoutMicroseconds">The time that the client gives it, as far as is known; 0 for none.</param>
    /// <param name="share">Between 0 and 1.</param>
    public bool MayBeLate(long timeoutMicroseconds, double share)
    {
        if (PendingRequests > 0) return true;
        if (IdleInstances > 0) return false;
        if (TimeFor(Policy.DefaultPriorityLevel, timeoutMicroseconds) is not (> 0 and long time)) return _hasDeadlines;
        long longest = 0;
        for (int i = 0; i < Latencies.Count; i++)
        {
            ShapeFactors shapes = Latencies[i].Shapes;
            longest = Math.Max(longest, (long)((shapes.Longest * Policy.Estimate(Policy.MaxBatchRows, Latencies[i])) + (shapes.Usual * Policy.EstimateAlone(1, Latencies[i]))));
        }

        return longest > share * time;
    }

    /// <summary>Whether any request has had a deadline.</summary>
    public bool HasDeadlines => _hasDeadlines;

    /// <summary>What a request of the default priority has left until it is to be answered, in microseconds and at least 1; 0 for all the time there is.</summary>
    /// <param name="timeoutMicroseconds">The time that the client gives it from its arrival; 0 for none.</param>
    /// <param name="waitedMicroseconds">What has passed since then.</param>
    public long TimeLeft(long timeoutMicroseconds, long waitedMicroseconds)
    {
        long time = TimeFor(Policy.DefaultPriorityLevel, timeoutMicroseconds);
        long microseconds = (long)Time.GetElapsedTime(0, time).TotalMicroseconds;
        if (microseconds <= 0) return 0;
        return Policy.CountsFromTheQueue(Policy.DefaultPriorityLevel, time) ? microseconds : Math.Max(1, microseconds - waitedMicroseconds);
    }

    /// <summary>What one more row would meet.</summary>
    /// <remarks>Waits for the lock that arrivals need: for the few who ask, when something waits.</remarks>
    public QueueForecast Foresee()
    {
        QueueForecast forecast;
        lock (_lock) forecast = ForeseeUnderLock(new SchedulingView(_queue, Latency, _instances.Views, Time.GetTimestamp(), _unanswered.IsStopping));

        // Who found the lock taken has left what there was to do, be it an arrival or an instance that has become idle.
        Pump(waitForLock: false);
        return forecast;
    }

    /// <summary>What a batch of so many rows is expected to take, from its closing to its instance being free; of the shape class whose factor is 1 (<see cref="ShapeFactors"/>).</summary>
    /// <param name="latency">Of the instance group.</param>
    public TimeSpan Estimate(LatencyModel latency, int rows) => Time.GetElapsedTime(0, latency.Estimate(rows));

    /// <summary>Whether a run did not end when it was cut short at the stop: its thread still uses the executor, whose memory must not be freed then.</summary>
    internal bool HasHung { get; private set; }

    /// <summary>Instances that wait for a batch; read without the lock, so it may be behind.</summary>
    internal int IdleInstances => _instances.IdleCount;

    /// <summary>Whether all batches are run one after the other.</summary>
    internal bool HasOneInstance => _instances.All.Length == 1;

    internal bool IsFull => _waiting.IsFull;

    internal BlockPool Pool { get; }

    /// <summary>Starts a thread for each executor and takes them over; called once, before the model is served.</summary>
    /// <param name="groups">The group of each executor; null where all are of one.</param>
    /// <param name="claims">What the batches of each need beside it, taken over too; null where none needs anything.</param>
    internal void Start(IReadOnlyList<IModelExecutor> executors, ModelLayout layout, IReadOnlyList<int>? groups = null, IReadOnlyList<ResourceClaim?>? claims = null)
    {
        _hasShapes = layout.Inputs.Any(spec => spec.RowBytes < 0);
        _instances.Take([.. executors.Select((executor, index) => new ModelInstance(this, layout, executor, index, Latencies[groups?[index] ?? 0], claims?[index]))]);
        foreach (ModelInstance instance in _instances.All)
        {
            if (instance.Claim is not { } claim) continue;
            claim.OnGranted = () => OnGranted(instance);
            _limiter = claim.Limiter;
        }

        foreach (ModelInstance instance in _instances.All) instance.Start();
    }

    /// <summary>Accepts a valid request, or answers it at once with a refusal. May run it, and be done with it, before it returns.</summary>
    internal ValueTask EnqueueAsync(InferenceRequest request)
    {
        // Taken now: the request may be answered before this method returns.
        ValueTask completion = request.Completion;
        Enqueue(request, RunsHere.Any);
        return completion;
    }

    /// <summary>Likewise, for a request with a receiver.</summary>
    /// <param name="runs">What this thread may run.</param>
    internal void Enqueue(InferenceRequest request, RunsHere runs)
    {
        long now = Time.GetTimestamp();
        request.Arrival = now - request.Waited;
        request.Times.Queued = now;
        request.Priority = Policy.LevelOf(request.Priority);

        // What is sent to have code compiled takes as long as that does.
        long timeout = request.IsWarmUp ? 0 : TimeFor(request.Priority, request.TimeoutMicroseconds);
        request.TimesOutInQueueOnly = Policy.CountsFromTheQueue(request.Priority, timeout);
        long from = request.TimesOutInQueueOnly ? now : request.Arrival;
        if (timeout > 0 && from + timeout > from)
        {
            request.TimesOutAt = from + timeout;
            if (!_hasDeadlines) _hasDeadlines = _queue.HasDeadlines = true;
        }

        request.State = RequestState.Pending;
        Statistics.CountAccepted(request);

        _unanswered.Add();
        bool mayWait = _waiting.Enter(request);
        if (_unanswered.IsStopping)
        {
            request.SetError(RequestOutcome.Rejected, StatusCode.Unavailable, Refusals.For(request, Refusals.Stopping));
            ReleaseAtOnce(request);
        }
        else if (request.IsOverdue)
        {
            request.SetError(RequestOutcome.Expired, StatusCode.Unavailable, Refusals.For(request, Refusals.TimeoutExpired));
            ReleaseAtOnce(request);
        }
        else if (!mayWait || !_inbox.Writer.TryWrite(request))
        {
            request.RowsAhead = _waiting.Requests - 1;
            request.Refuse(new Refusal(RefusalReason.QueueFull), Time);
            ReleaseAtOnce(request);
        }
        else
        {
            // Pairs with the barrier in Pump: without both, this thread could read "lock taken" and the holder "inbox empty", and the request would lie there.
            Interlocked.MemoryBarrier();
            if (Pump(waitForLock: false, runs: runs) is { } instance) RunHere(instance, isCalled: false);
        }
    }

    /// <summary>Gives a request that wants no run the outcome of one that no cache has the answer of; it never comes to the queue.</summary>
    internal void RefuseRun(InferenceRequest request)
    {
        long now = Time.GetTimestamp();
        request.Times.Queued = now;
        request.SetError(RequestOutcome.Rejected, StatusCode.NotCached, Refusals.For(request, Refusals.NotCached));
        CountAside(request, now);
    }

    /// <summary>Counts a request that was answered without the queue.</summary>
    internal void CountAside(InferenceRequest request, long now)
    {
        request.State = RequestState.Released;
        request.Times.SetAnsweredAside(now);
        Statistics.CountAside(request, now);
    }

    /// <summary>Until when a request that comes now is to be answered, or given up; <see cref="QueueEntry.NoDeadline"/> for whenever. What has passed since it came counts, as it does in the queue.</summary>
    internal long DueOf(InferenceRequest request, long now)
    {
        if (request.IsOverdue) return now;
        int level = Policy.LevelOf(request.Priority);
        long time = TimeFor(level, request.TimeoutMicroseconds);
        if (!Policy.CountsFromTheQueue(level, time)) now -= request.Waited;
        return time > 0 && now + time > now && !Policy.QueuePolicies[level - 1].DelaysOnTimeout ? now + time : QueueEntry.NoDeadline;
    }

    /// <summary>Whether the time that a request has is its level's own, which bounds the wait in the queue.</summary>
    internal bool CountsFromTheQueue(InferenceRequest request)
    {
        int level = Policy.LevelOf(request.Priority);
        return Policy.CountsFromTheQueue(level, TimeFor(level, request.TimeoutMicroseconds));
    }

    private long TimeFor(int level, long microseconds) => Policy.TimeFor(level, (long)(microseconds * (Time.TimestampFrequency / 1e6)));

    /// <summary>Told of an instance whose device was lost, with the reason, and of its being back, with null.</summary>
    internal Action<int, string?>? Observer { get; set; }

    /// <summary>Stops accepting, finishes what was accepted, and ends the instances. Only the first call does; later ones wait for it.</summary>
    /// <param name="grace">Time for what was accepted; what is not done by then is refused or cut short, and left alone if even that takes longer than <see cref="CutShortPatience"/>.</param>
    /// <returns>Requests that were accepted and not answered within the grace.</returns>
    internal Task<int> StopAsync(TimeSpan grace)
    {
        lock (_stopLock) return _stopped ??= StopOnceAsync(grace);
    }

    private async Task<int> StopOnceAsync(TimeSpan grace)
    {
        _unanswered.Stop();
        Pump(waitForLock: true);
        int abandoned = 0;
        if (!await _unanswered.HasDrainedAsync(grace).ConfigureAwait(false))
        {
            abandoned = _unanswered.Count;
            AbandonQueue();
            foreach (ModelInstance instance in _instances.All) instance.Terminate();
            HasHung = !await _unanswered.HasDrainedAsync(CutShortPatience).ConfigureAwait(false);
        }

        foreach (ModelInstance instance in _instances.All) instance.End();
        if (!HasHung) await Task.WhenAll(_instances.All.Select(instance => instance.Ended)).ConfigureAwait(false);
        await _timer.DisposeAsync().ConfigureAwait(false);
        return abandoned;
    }

    public async ValueTask DisposeAsync() => await StopAsync(TimeSpan.Zero).ConfigureAwait(false);

    private QueueForecast ForeseeUnderLock(in SchedulingView view)
    {
        int best = Policy.BestRows(Latency);
        long batch = Policy.Estimate(best, view);
        long own = Policy.Estimate(1, view);
        long freeAt = Forecast.FreeAt(view, Policy);
        if (view.Queue.Count == 0 && freeAt == view.Now) own = Forecast.TimeWhenIdle(view, Policy, 1, Time);
        long end = Forecast.End(view, Policy, freeAt, RowsAhead.OfAll(view, Policy), 1, own);
        long row = Forecast.Rate(view, Policy) is > 0 and double rate ? (long)(1 / rate) : 0;
        int waiting = _waiting.Requests;
        return new QueueForecast(
            Time.GetElapsedTime(view.Now, end),
            Time.GetElapsedTime(0, row),
            Time.GetElapsedTime(0, (long)Math.Max(FloorBatches * batch, FloorRuns * own)),
            IsFull,
            waiting,
            Math.Max(0, _unanswered.Count - waiting),
            row > 0 ? (double)Time.TimestampFrequency / row : 0);
    }
}
