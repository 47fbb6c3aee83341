using System.Threading.Channels;
using Gateway.Core.Diagnostics;
using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Requests;
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
public sealed class DynamicBatcher : IAsyncDisposable
{
    /// <summary>Time for runs to notice that they are cut short. ONNX Runtime looks between two operators: only a single one that takes longer is left alone.</summary>
    internal static readonly TimeSpan CutShortPatience = TimeSpan.FromSeconds(5);

    // No other server could better a batch and a quarter by much, or two runs and a half of one row.
    private const double FloorBatches = 1.25;
    private const double FloorRuns = 2.5;

    private readonly IBatchFormer _former;
    private readonly Channel<InferenceRequest> _inbox;
    private readonly Lock _lock = new();
    private readonly Lock _stopLock = new();
    private readonly RequestQueue _queue;
    private readonly BatchPlan _plan = new();
    private readonly List<ModelInstance> _idle = [];
    private readonly AdmissionGate _gate;
    private readonly LoneRuns _loneRuns;
    private readonly ShortRuns _shortRuns;
    private readonly HeldBack _held = new();
    private readonly WakeTimer _timer;
    private readonly ReleaseOrder? _releaseOrder;
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task<int>? _stopped;
    private ModelInstance[] _instances = [];
    private InstanceView[] _instanceViews = [];

    // The instance that was called last and has not come yet.
    private ModelInstance? _called;
    private long _nextSequence;
    private int _waiting;
    private long _waitingBytes;
    private int _unanswered;
    private bool _hasShapes;

    // Whether any request has had one: until then nothing is looked ahead for.
    private volatile bool _hasDeadlines;

    private volatile bool _isStopping;

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
        Latencies = [.. Enumerable.Range(0, groups).Select(_ => new LatencyModel(policy.MaxBatchRows))];
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
    public int PendingRequests => Volatile.Read(ref _waiting);

    /// <summary>Bytes of the blocks of the pending requests.</summary>
    public long PendingBytes => Volatile.Read(ref _waitingBytes);

    /// <summary>Whether a request that comes now would be refused, of however few rows it is: a protocol endpoint can say so before it reads the tensors. It counts as accepted and refused.</summary>
    /// <param name="timeoutMicroseconds">The time that the client gives it; 0 for none.</param>
    /// <param name="refusal">Why, with the text for the client.</param>
    /// <param name="tenant">Whose it is; null where requests have no tenants.</param>
    /// <param name="waited">Timestamp ticks for which it has lain here unread.</param>
    /// <param name="priority">The level that it asks for, 0 for the model's default; null while the rest of it may yet ask for any, and for more time than the model gives.</param>
    public bool TurnsAway(long timeoutMicroseconds, out EarlyRefusal refusal, Tenant? tenant = null, long waited = 0, int? priority = null)
    {
        refusal = default;
        int level = priority is { } asked ? Policy.LevelOf(asked) : 1;
        if (IsFull && !HasPartLeft(tenant, Volatile.Read(ref _waiting), Volatile.Read(ref _waitingBytes)))
        {
            refusal = new EarlyRefusal(new RefusalText(RefusalReason.QueueFull), null);
        }
        else if ((timeoutMicroseconds == 0 && priority is null) || TimeFor(level, timeoutMicroseconds) is not (> 0 and long timeout)
            || !_gate.TurnsAway(timeout, waited, level, _queue.Shares.PortionAhead(tenant, _queue.Rows), out refusal))
        {
            return false;
        }

        Statistics.CountRefused(refusal.Reason);
        return true;
    }

    /// <summary>The time that a request of the default priority has from its arrival to its answer; none for all the time there is.</summary>
    /// <param name="timeoutMicroseconds">The time that the client gives it; 0 for none.</param>
    public TimeSpan TimeFor(long timeoutMicroseconds) => Time.GetElapsedTime(0, TimeFor(Policy.DefaultPriorityLevel, timeoutMicroseconds));

    /// <summary>What one more row would meet.</summary>
    /// <remarks>Waits for the lock that arrivals need: for the few who ask, when something waits.</remarks>
    public QueueForecast Foresee()
    {
        QueueForecast forecast;
        lock (_lock) forecast = ForeseeUnderLock(new SchedulingView(_queue, Latency, _instanceViews, Time.GetTimestamp(), _isStopping));
        Interlocked.MemoryBarrier();
        if (_inbox.Reader.TryPeek(out _)) Pump(waitForLock: false);
        return forecast;
    }

    /// <summary>What a batch of so many rows is expected to take, from its closing to its instance being free.</summary>
    /// <param name="latency">Of the instance group.</param>
    public TimeSpan Estimate(LatencyModel latency, int rows) => Time.GetElapsedTime(0, latency.Estimate(rows));

    /// <summary>Whether a run did not end when it was cut short at the stop: its thread still uses the executor, whose memory must not be freed then.</summary>
    internal bool HasHung { get; private set; }

    /// <summary>Instances that wait for a batch; read without the lock, so it may be behind.</summary>
    internal int IdleInstances => _idle.Count;

    internal bool IsFull => Volatile.Read(ref _waiting) >= Policy.MaxQueueRequests || Volatile.Read(ref _waitingBytes) >= Policy.MaxQueueBytes;

    internal BlockPool Pool { get; }

    /// <summary>Starts a thread for each executor and takes them over; called once, before the model is served.</summary>
    /// <param name="groups">The group of each executor; null where all are of one.</param>
    internal void Start(IReadOnlyList<IModelExecutor> executors, ModelLayout layout, IReadOnlyList<int>? groups = null)
    {
        _hasShapes = layout.Inputs.Any(spec => spec.RowBytes < 0);
        _instances = [.. executors.Select((executor, index) => new ModelInstance(this, layout, executor, index, Latencies[groups?[index] ?? 0]))];

        // Their threads are about to say so; until then they must not be taken for instances whose batch is late since the clock began.
        _instanceViews = [.. _instances.Select(instance => InstanceView.Idle(Unlike(instance)))];
        foreach (ModelInstance instance in _instances) instance.Start();
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
        long timeout = TimeFor(request.Priority, request.TimeoutMicroseconds);
        if (timeout > 0 && request.Arrival + timeout > request.Arrival)
        {
            request.TimesOutAt = request.Arrival + timeout;
            if (!_hasDeadlines) _hasDeadlines = _queue.HasDeadlines = true;
        }

        request.State = RequestState.Pending;
        Statistics.CountAccepted();

        // A full fence before _isStopping is read; StopAsync has the other half.
        Interlocked.Increment(ref _unanswered);

        // Both counts are taken before they are looked at, so that requests coming at once cannot pass the bounds together.
        int waiting = Interlocked.Increment(ref _waiting);
        long bytes = Interlocked.Add(ref _waitingBytes, request.QueuedBytes);
        if (_isStopping)
        {
            request.SetError(RequestOutcome.Rejected, StatusCode.Unavailable, Refusals.For(request, Refusals.Stopping));
            ReleaseAtOnce(request);
        }
        else if (request.IsOverdue)
        {
            request.SetError(RequestOutcome.Expired, StatusCode.Unavailable, Refusals.For(request, Refusals.TimeoutExpired));
            ReleaseAtOnce(request);
        }
        else if (((waiting > Policy.MaxQueueRequests || (bytes > Policy.MaxQueueBytes && waiting > 1)) && !HasPartLeft(request.Tenant, waiting, bytes)) || !_inbox.Writer.TryWrite(request))
        {
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

    /// <summary>Whether a tenant has less waiting than its part of the queue, which others have filled: it is let in all the same, up to twice what the queue holds.</summary>
    private bool HasPartLeft(Tenant? tenant, int waiting, long bytes) =>
        tenant is not null && waiting <= 2L * Policy.MaxQueueRequests && bytes / 2 <= Policy.MaxQueueBytes && _queue.Shares.IsBelowPart(tenant, Policy.MaxQueueRequests);

    /// <summary>Until when a request that comes now is to be answered, or given up; <see cref="QueueEntry.NoDeadline"/> for whenever.</summary>
    internal long DueOf(InferenceRequest request, long now)
    {
        int level = Policy.LevelOf(request.Priority);
        long time = TimeFor(level, request.TimeoutMicroseconds);
        return time > 0 && now + time > now && !Policy.QueuePolicies[level - 1].DelaysOnTimeout ? now + time : QueueEntry.NoDeadline;
    }

    private long TimeFor(int level, long microseconds) => Policy.TimeFor(level, (long)(microseconds * (Time.TimestampFrequency / 1e6)));

    /// <summary>Gives an instance its next batch: at once when there is one, else it waits among the idle until it is called.</summary>
    /// <remarks>
    /// The batch is made here, by the thread that will run it, and not by the arrival that calls the instance: between the call and the moment at which the
    /// thread has a core lie some microseconds, and what arrives in them comes along.
    /// </remarks>
    /// <param name="hasRun">Whether it has just run one.</param>
    /// <returns>False when the instance is to end.</returns>
    internal bool WaitForBatch(ModelInstance instance, bool hasRun)
    {
        bool isCalled = false;
        if (hasRun && _shortRuns.Allows(instance))
        {
            // It was only called here because a run might have had to wait.
            lock (_lock)
            {
                instance.FreeSince = Time.GetTimestamp();
                PutIdleUnderLock(instance);
            }

            Pump(waitForLock: true);
            isCalled = instance.WaitForCall();
            if (!isCalled) return false;
        }

        while (Pump(waitForLock: true, taker: instance, isCalled) is null)
        {
            isCalled = instance.WaitForCall();
            if (!isCalled) return false;
        }

        return true;
    }

    /// <summary>The request's caller has given up: what waits of it is taken out and answered.</summary>
    internal void OnCancelled(InferenceRequest request)
    {
        // It may still lie in the inbox; the pump below refuses it there.
        bool isFinished;
        lock (_lock) isFinished = TakeOutUnderLock(request) && End(request, RequestOutcome.Cancelled, StatusCode.Cancelled, Refusals.Cancelled);
        if (isFinished) Release(request);
        Pump(waitForLock: true);
    }

    /// <summary>One part of a split request has failed: what waits of it would be run for nothing.</summary>
    internal void DropWaitingRows(InferenceRequest request)
    {
        lock (_lock) TakeOutUnderLock(request);
        Pump(waitForLock: true);
    }

    /// <summary>Told of an instance whose device was lost, with the reason, and of its being back, with null.</summary>
    internal Action<int, string?>? Observer { get; set; }

    /// <summary>A batch needed more memory than there was: later ones are to be half as large.</summary>
    internal void Shrink(ModelInstance instance, Batch batch)
    {
        Statistics.CountOutOfMemory();
        instance.Latency.LimitRows(batch.PaddedRows / 2);
    }

    /// <summary>What runs take on an instance, where others differ in that.</summary>
    private LatencyModel? Unlike(ModelInstance instance) => Latencies.Count > 1 ? instance.Latency : null;

    /// <summary>An instance's device was lost under a batch: its requests go back to the queue, for what is left, but for those that this has happened to before.</summary>
    /// <param name="hasRun">Whether it was this batch under which the device was lost; else it was gone already.</param>
    internal void Lose(ModelInstance instance, Batch batch, string error, bool hasRun)
    {
        if (hasRun) Statistics.CountLostDevice();
        Observer?.Invoke(instance.Index, error);
        lock (_lock) _instanceViews[instance.Index] = InstanceView.Lost(Unlike(instance));
        foreach (BatchSlice slice in batch.Slices)
        {
            if (!TryTakeBack(slice, hasRun) && instance.FailLost(slice, error)) Release(slice.Request);
        }

        Pump(waitForLock: true);
    }

    /// <returns>False for a request that is not to be run again: one of several parts, one cancelled, one that has cost a device already.</returns>
    private bool TryTakeBack(BatchSlice slice, bool hasRun)
    {
        InferenceRequest request = slice.Request;
        if (request.Assembly is not null || request.IsCancelled || (hasRun && request.HasLostDevice)) return false;
        request.HasLostDevice |= hasRun;
        lock (_lock)
        {
            request.RowsTaken = 0;
            request.State = RequestState.Pending;
            Interlocked.Increment(ref _waiting);
            Interlocked.Add(ref _waitingBytes, request.QueuedBytes);
            _queue.Add(request);
        }

        return true;
    }

    /// <summary>Counts a finished request and hands it back, in order where the model asks for it.</summary>
    internal void Release(InferenceRequest request)
    {
        request.Times.Released = Time.GetTimestamp();
        Statistics.CountReleased(request);
        HandBack(request);
    }

    /// <summary>Hands back a request that has been counted.</summary>
    internal void HandBack(InferenceRequest request)
    {
        if (_releaseOrder is null) request.Complete();
        CountAnswered(_releaseOrder?.Release(request) ?? 1);
    }

    /// <summary>Stops accepting, finishes what was accepted, and ends the instances. Only the first call does; later ones wait for it.</summary>
    /// <param name="grace">Time for what was accepted; what is not done by then is refused or cut short, and left alone if even that takes longer than <see cref="CutShortPatience"/>.</param>
    /// <returns>Requests that were accepted and not answered within the grace.</returns>
    internal Task<int> StopAsync(TimeSpan grace)
    {
        lock (_stopLock) return _stopped ??= StopOnceAsync(grace);
    }

    private async Task<int> StopOnceAsync(TimeSpan grace)
    {
        _isStopping = true;

        // Without it the read below could come before the write above is seen: an arrival would read "not stopping" and this thread "nothing unanswered",
        // and the instances would end with the request in the queue.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _unanswered) == 0) _drained.TrySetResult();
        Pump(waitForLock: true);
        int abandoned = 0;
        if (!await HasDrainedAsync(grace).ConfigureAwait(false))
        {
            abandoned = Volatile.Read(ref _unanswered);
            AbandonQueue();
            foreach (ModelInstance instance in _instances) instance.Terminate();
            HasHung = !await HasDrainedAsync(CutShortPatience).ConfigureAwait(false);
        }

        foreach (ModelInstance instance in _instances) instance.End();
        if (!HasHung) await Task.WhenAll(_instances.Select(instance => instance.Ended)).ConfigureAwait(false);
        await _timer.DisposeAsync().ConfigureAwait(false);
        return abandoned;
    }

    private async Task<bool> HasDrainedAsync(TimeSpan limit)
    {
        try
        {
            await _drained.Task.WaitAsync(limit, Time).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            // Off the clock's own thread, which all timers share.
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            return false;
        }
    }

    public async ValueTask DisposeAsync() => await StopAsync(TimeSpan.Zero).ConfigureAwait(false);

    /// <summary>Handles all that has happened: arrivals, expiries, idle instances.</summary>
    /// <param name="waitForLock">False for an arrival, which may leave its request to the holder of the lock.</param>
    /// <param name="taker">The instance whose thread this is, when it wants a batch.</param>
    /// <param name="isCalled">Whether it was called for one.</param>
    /// <param name="runs">What this thread would run itself.</param>
    /// <returns>The instance whose batch this thread is to run: the taker, which else is among the idle now, or an idle one that is lent to this thread.</returns>
    private ModelInstance? Pump(bool waitForLock, ModelInstance? taker = null, bool isCalled = false, RunsHere runs = RunsHere.None)
    {
        ModelInstance? run = null;
        do
        {
            if (waitForLock) _lock.Enter();
            else if (!_lock.TryEnter()) return run;

            InferenceRequest? released = null;
            ModelInstance? called;
            try
            {
                long now = Time.GetTimestamp();
                SchedulingView view = new(_queue, Latency, _instanceViews, now, _isStopping);
                AdmitAndExpireUnderLock(view, ref released);
                if (taker is not null && TakeOrIdleUnderLock(taker, isCalled, view, ref released)) run = taker;
                taker = null;
                called = WantedUnderLock(view, ref released);
                _called ??= called;
                if (runs != RunsHere.None && IsLentUnderLock(runs, isNew: called is not null, view, ref released))
                {
                    runs = RunsHere.None;
                    run = _called!;
                    FillUnderLock(run, now);

                    // The next, if there is more than this one takes.
                    _called = null;
                    _called = called = WantedUnderLock(view, ref released);
                }

                if (_hasDeadlines) LookAheadUnderLock(view, ref released);
            }
            finally
            {
                _lock.Exit();
            }

            called?.Call(onOwnThread: !_shortRuns.Allows(called));
            ReleaseAll(released);

            // An arrival that found the lock taken meanwhile left its request to this thread; and who was asked to wait while it was waits for it.
            Interlocked.MemoryBarrier();
            if (!_held.IsEmpty && !_shortRuns.IsBehind(_queue, _instances)) _held.LetGo();
        }
        while (_inbox.Reader.TryPeek(out _));
        return run;
    }

    /// <summary>Refuses those that will miss their deadlines whatever comes, and notes down what tells endpoints whom to turn away.</summary>
    private void LookAheadUnderLock(in SchedulingView view, ref InferenceRequest? released)
    {
        if (_queue.Count > 0 && _idle.Count == 0 && _called is null)
        {
            _former.Preview(view, _plan);
            RefuseUnderLock(ref released);
        }

        int best = Policy.BestRows(Latency);
        _gate.NoteDown(_former, view, Policy.Estimate(best, Latency), best);
    }

    private QueueForecast ForeseeUnderLock(in SchedulingView view)
    {
        int best = Policy.BestRows(Latency);
        long batch = Policy.Estimate(best, Latency);
        long own = Policy.EstimateAlone(1, Latency);
        long end = Forecast.End(view, Policy, Forecast.FreeAt(view, Policy), RowsAhead.OfAll(view, Policy), 1, own);
        long row = Forecast.Rate(view, Policy) is > 0 and double rate ? (long)(1 / rate) : 0;
        int waiting = Volatile.Read(ref _waiting);
        return new QueueForecast(
            Time.GetElapsedTime(view.Now, end),
            Time.GetElapsedTime(0, row),
            Time.GetElapsedTime(0, (long)Math.Max(FloorBatches * batch, FloorRuns * own)),
            IsFull,
            waiting,
            Math.Max(0, Volatile.Read(ref _unanswered) - waiting),
            row > 0 ? (double)Time.TimestampFrequency / row : 0);
    }

    /// <summary>Runs the batch of an instance that was lent to this thread, and puts the instance back among the idle.</summary>
    /// <param name="isCalled">Whether this thread has come for the instance, of which the lone runs have been told. Else it brought a request: it has others to bring, and perhaps its own answer to send.</param>
    private void RunHere(ModelInstance instance, bool isCalled)
    {
        int left = isCalled ? ShortRuns.MostInARow : 1;
        bool wasSeen = isCalled;
        do
        {
            instance.RunHere();
        }
        while (TakesNext(instance, --left, ref wasSeen));
        Pump(waitForLock: true);
    }

    /// <summary>Gives a lent instance the next batch if there is a full one, else puts it among the idle.</summary>
    /// <param name="left">Batches that this thread may yet run.</param>
    /// <param name="wasSeen">Whether the lone runs have been told of the batch that has ended.</param>
    private bool TakesNext(ModelInstance instance, int left, ref bool wasSeen)
    {
        InferenceRequest? released = null;
        bool takes;
        lock (_lock)
        {
            long now = Time.GetTimestamp();
            instance.FreeSince = now;
            _instanceViews[instance.Index] = InstanceView.Idle(Unlike(instance));
            takes = left > 0 && instance.CanRunHere && _shortRuns.IsFull(_queue, instance) && _shortRuns.Allows(instance) && DecideUnderLock(new SchedulingView(_queue, instance.Latency, _instanceViews, now, _isStopping), ref released);
            if (!wasSeen) _loneRuns.Saw(isLone: instance.Batch.Slices.Length == 1 && _queue.Count == 0);
            wasSeen = false;
            if (takes) FillUnderLock(instance, now);
            else PutIdleUnderLock(instance);
        }

        ReleaseAll(released);
        if (takes) Pump(waitForLock: false);
        return takes;
    }

    /// <summary>Asks one who brings requests to wait, where more are waiting than is good: see <see cref="ShortRuns"/>.</summary>
    /// <returns>True when it is to wait until it is told to go on.</returns>
    internal bool HoldsBack(IHeldBack reader)
    {
        if (!_shortRuns.IsBehind(_queue, _instances)) return false;
        _held.Add(reader);

        // What it waits for may have come before it could be told.
        if (!_shortRuns.IsBehind(_queue, _instances)) _held.LetGo();
        return true;
    }

    /// <summary>A thread of the front door has come for the instance, which it was called to.</summary>
    internal void OnCalled(ModelInstance instance)
    {
        if (Pump(waitForLock: true, taker: instance, isCalled: true) is not null) RunHere(instance, isCalled: true);
    }

    /// <summary>Whether the instance that is called is lent to this thread, for the batch in the plan.</summary>
    /// <param name="isNew">Whether it is this thread that calls it.</param>
    private bool IsLentUnderLock(RunsHere runs, bool isNew, in SchedulingView view, ref InferenceRequest? released)
    {
        if (_called is not { } instance) return false;
        if (isNew) return runs == RunsHere.Any && CanRunHereUnderLock(instance);
        return _shortRuns.IsFull(_queue, instance) && _shortRuns.Allows(instance) && instance.CanRunHere && DecideUnderLock(view.For(instance.Latency), ref released);
    }

    /// <summary>Whether the planned batch, which the instance was to be called for, can be run on this thread instead.</summary>
    private bool CanRunHereUnderLock(ModelInstance instance) =>
        _queue.Count == 1 && _plan.Parts.Length == 1 && _plan.Parts[0] is { Entry: InferenceRequest request } part && part.Rows == request.Rows
        && _loneRuns.Allows(instance.Latency.Estimate(Policy.PadTo(part.Rows))) && instance.CanRunHere;

    private void AdmitAndExpireUnderLock(in SchedulingView view, ref InferenceRequest? released)
    {
        while (_inbox.Reader.TryRead(out InferenceRequest? arrived)) AdmitUnderLock(arrived, view, ref released);
        ExpireUnderLock(view.Now, ref released);
    }

    /// <returns>True when the instance has a batch.</returns>
    private bool TakeOrIdleUnderLock(ModelInstance instance, bool isCalled, in SchedulingView view, ref InferenceRequest? released)
    {
        if (isCalled)
        {
            // Another thread was faster.
            if (!ReferenceEquals(_called, instance)) return false;
            if (!instance.IsOnOwnThread && !instance.CanRunHere)
            {
                // Its own thread may wait for outputs to be sent; this one may be who sends them.
                instance.Call(onOwnThread: true);
                return false;
            }

            _called = null;
        }
        else
        {
            instance.FreeSince = view.Now;
        }

        if (DecideUnderLock(view.For(instance.Latency), ref released))
        {
            FillUnderLock(instance, view.Now);
            _loneRuns.Saw(isLone: isCalled && instance.Batch.Slices.Length == 1 && _queue.Count == 0);
            return true;
        }

        PutIdleUnderLock(instance);
        return false;
    }

    private void PutIdleUnderLock(ModelInstance instance)
    {
        _instanceViews[instance.Index] = InstanceView.Idle(Unlike(instance));
        _idle.Add(instance);
    }

    /// <summary>Finds out whether an idle instance is wanted, and else sets the timer for when one will be.</summary>
    /// <returns>The instance that is wanted, which is not among the idle any more; null when none is.</returns>
    private ModelInstance? WantedUnderLock(in SchedulingView view, ref InferenceRequest? released)
    {
        ModelInstance? wanted = null;
        if (_queue.Count > 0 && _idle.Count > 0)
        {
            // One at a time: which batch it will take is not known yet, and once it has taken it, it calls the next if there is more.
            int next = NextIdle();
            if (!DecideUnderLock(view.For(_idle[next].Latency), ref released))
            {
                _timer.Arm(_plan.WakeAt, view.Now);
            }
            else if (_called is null)
            {
                wanted = _idle[next];
                _idle.RemoveAt(next);
            }
        }

        _timer.Arm(_queue.EarliestDeadline, view.Now);
        return wanted;
    }

    /// <summary>Which idle instance goes next: of the fastest group the one that ran last, whose memory is warm.</summary>
    private int NextIdle()
    {
        int next = _idle.Count - 1;
        if (Latencies.Count == 1) return next;
        int rows = (int)Math.Min(_queue.Rows, Policy.MaxBatchRows);
        for (int i = next - 1; i >= 0; i--)
        {
            if (Policy.EstimateAlone(rows, _idle[i].Latency) < Policy.EstimateAlone(rows, _idle[next].Latency)) next = i;
        }

        return next;
    }

    /// <returns>True when there is a batch to be run now; it is in the plan.</returns>
    private bool DecideUnderLock(in SchedulingView view, ref InferenceRequest? released)
    {
        _plan.Clear();
        if (_queue.Count == 0) return false;
        _former.Decide(view, _plan);
        RefuseUnderLock(ref released);
        return _plan.Parts.Length > 0;
    }

    private void RefuseUnderLock(ref InferenceRequest? released)
    {
        foreach (BatchPlan.Refused refused in _plan.Refusals)
        {
            InferenceRequest request = (InferenceRequest)refused.Entry;
            _queue.Remove(request);
            RefuseUnderLock(request, refused.Why, ref released);
        }
    }

    private void RefuseUnderLock(InferenceRequest request, in Refusal refusal, ref InferenceRequest? released)
    {
        LeaveQueue(request);
        request.Refuse(refusal, Time);
        if (request.Assembly is { } assembly && !assembly.Abandon(RequestOutcome.Rejected, request.Status, request.Error!)) return;
        ReleaseLater(request, ref released);
    }

    private void AdmitUnderLock(InferenceRequest request, in SchedulingView view, ref InferenceRequest? released)
    {
        request.Sequence = ++_nextSequence;
        _releaseOrder?.Register(request);
        if (request.IsCancelled)
        {
            EndUnderLock(request, RequestOutcome.Cancelled, StatusCode.Cancelled, Refusals.Cancelled, ref released);
            return;
        }

        if (request.DueAt is not QueueEntry.NoDeadline and long due) _gate.Saw(request.Priority, Math.Max(1, due - request.Arrival));
        Refusal refusal = _former.Admit(request, view);
        if (refusal.Reason != RefusalReason.None)
        {
            RefuseUnderLock(request, refusal, ref released);
            return;
        }

        if (_hasShapes) ShapeKeys.Separate(request, _queue);
        _queue.Add(request);
    }

    private void ExpireUnderLock(long now, ref InferenceRequest? released)
    {
        while (_queue.TryTakeExpired(now, out QueueEntry? entry))
        {
            InferenceRequest request = (InferenceRequest)entry!;
            if (request.Deadline > now && Policy.QueuePolicies[request.Priority - 1].DelaysOnTimeout)
            {
                request.IsDelayed = true;
                _queue.Add(request);
            }
            else
            {
                EndUnderLock(request, RequestOutcome.Expired, StatusCode.Unavailable, Refusals.TimeoutExpired, ref released);
            }
        }
    }

    /// <summary>Makes the planned batch the instance's.</summary>
    private void FillUnderLock(ModelInstance instance, long now)
    {
        Batch batch = instance.Batch;
        batch.Clear();
        foreach (BatchPlan.Part part in _plan.Parts)
        {
            InferenceRequest request = (InferenceRequest)part.Entry;
            batch.Add(request, request.RowsTaken, part.Rows);
            if (part.Rows < request.RowsWaiting) request.Assembly ??= new SplitAssembly(request, Pool);
            request.Assembly?.OpenPart();
            _queue.Take(request, part.Rows);
            if (request.RowsWaiting > 0) continue;
            request.State = RequestState.Executing;
            LeaveQueue(request);
        }

        batch.PaddedRows = Policy.PadTo(batch.Rows);
        batch.CloseReason = _plan.Reason;
        batch.OpenedAt = instance.FreeSince;
        batch.ClosedAt = now;
        _instanceViews[instance.Index] = new InstanceView(false, now, batch.PaddedRows, Latency: Unlike(instance));
    }

    private void EndUnderLock(InferenceRequest request, RequestOutcome outcome, StatusCode status, string text, ref InferenceRequest? released)
    {
        LeaveQueue(request);
        if (End(request, outcome, status, text)) ReleaseLater(request, ref released);
    }

    private static void ReleaseLater(InferenceRequest request, ref InferenceRequest? released)
    {
        request.NextReleased = released;
        released = request;
    }

    /// <summary>Gives a request its outcome.</summary>
    /// <returns>True when it can be released; false when parts of it still run, the last of which will release it.</returns>
    private static bool End(InferenceRequest request, RequestOutcome outcome, StatusCode status, string text)
    {
        text = Refusals.For(request, text);
        if (request.Assembly is { } assembly) return assembly.Abandon(outcome, status, text);
        request.SetError(outcome, status, text);
        return true;
    }

    /// <summary>For a refused request that never came as far as the inbox.</summary>
    private void ReleaseAtOnce(InferenceRequest request)
    {
        LeaveQueue(request);
        request.Times.Released = Time.GetTimestamp();
        Statistics.CountReleased(request);
        request.Complete();
        CountAnswered(1);
    }

    private void CountAnswered(int requests)
    {
        if (requests > 0 && Interlocked.Add(ref _unanswered, -requests) == 0 && _isStopping) _drained.TrySetResult();
    }

    private void AbandonQueue()
    {
        InferenceRequest? released = null;
        lock (_lock)
        {
            while (_queue.Any() is InferenceRequest request)
            {
                _queue.Remove(request);
                EndUnderLock(request, RequestOutcome.Rejected, StatusCode.Unavailable, Refusals.Abandoned, ref released);
            }
        }

        ReleaseAll(released);
        Pump(waitForLock: true);
    }

    private void ReleaseAll(InferenceRequest? released)
    {
        while (released is not null)
        {
            InferenceRequest next = released;
            released = next.NextReleased;
            next.NextReleased = null;
            Release(next);
        }
    }

    /// <returns>False when no rows of the request wait in the queue.</returns>
    private bool TakeOutUnderLock(InferenceRequest request)
    {
        if (request.State != RequestState.Pending || !_queue.Remove(request)) return false;
        LeaveQueue(request);
        return true;
    }

    private void LeaveQueue(InferenceRequest request)
    {
        Interlocked.Decrement(ref _waiting);
        Interlocked.Add(ref _waitingBytes, -request.QueuedBytes);
    }

    private void OnTimer()
    {
        lock (_lock) _timer.Clear();
        Pump(waitForLock: true);
    }
}
