using Gateway.Core.Execution;
using Gateway.Core.Requests;
using Gateway.Protocol;

namespace Gateway.Core.Scheduling;

/// <remarks>What is decided under the lock: admission, expiry, the next batch and who takes it.</remarks>
public sealed partial class DynamicBatcher
{
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
                SchedulingView view = new(_queue, Latency, _instances.Views, now, _unanswered.IsStopping);
                AdmitAndExpireUnderLock(view, ref released);
                if (taker is not null && TakeOrIdleUnderLock(taker, isCalled, view, ref released)) run = taker;
                taker = null;
                called = WantedUnderLock(view, ref released);
                _instances.Called ??= called;
                if (runs != RunsHere.None && IsLentUnderLock(runs, isNew: called is not null, view, ref released))
                {
                    runs = RunsHere.None;
                    run = _instances.Called!;
                    FillUnderLock(run, now);

                    // The next, if there is more than this one takes.
                    _instances.Called = null;
                    _instances.Called = called = WantedUnderLock(view, ref released);
                }

                if (_hasDeadlines)
                {
                    LookAheadUnderLock(view, ref released);

                    _timer.Arm(NextLookUnderLock(view), view.Now);
                }
            }
            finally
            {
                _lock.Exit();
            }

            called?.Call(onOwnThread: !_shortRuns.Allows(called));
            ReleaseAll(released);
            _limiter?.Deliver();

            // An arrival that found the lock taken meanwhile left its request to this thread; and who was asked to wait while it was waits for it.
            Interlocked.MemoryBarrier();
            if (!_held.IsEmpty && !_shortRuns.IsBehind(_queue, _instances.All)) _held.LetGo();
        }
        while (_inbox.Reader.TryPeek(out _));
        return run;
    }

    /// <summary>Refuses those that will miss their deadlines whatever comes, and notes down what tells endpoints whom to turn away.</summary>
    private void LookAheadUnderLock(in SchedulingView view, ref InferenceRequest? released)
    {
        if (_queue.Count > 0 && _instances is { IdleCount: 0, Called: null })
        {
            _former.Preview(view, _plan);
            RefuseUnderLock(view, ref released);
        }

        int best = Policy.BestRows(Latency);
        _gate.NoteDown(_former, view, Policy.Estimate(best, view), best);
    }

    /// <returns>True when the instance has a batch.</returns>
    private bool TakeOrIdleUnderLock(ModelInstance instance, bool isCalled, in SchedulingView view, ref InferenceRequest? released)
    {
        if (isCalled)
        {
            // Another thread was faster.
            if (!ReferenceEquals(_instances.Called, instance)) return false;
            if (!instance.IsOnOwnThread && !instance.CanRunHere)
            {
                // Its own thread may wait for outputs to be sent; this one may be who sends them.
                instance.Call(onOwnThread: true);
                return false;
            }

            _instances.Called = null;
        }
        else
        {
            instance.FreeSince = view.Now;
            _instances.Free(instance);
        }

        // Between two batches one that needs resources goes among the idle, where it asks for them anew.
        if ((isCalled || instance.Claim is null) && DecideUnderLock(view.For(instance.Latency), ref released))
        {
            FillUnderLock(instance, view.Now);
            _loneRuns.Saw(isLone: isCalled && instance.Batch.Slices.Length == 1 && _queue.Count == 0);
            return true;
        }

        _instances.PutIdle(instance);
        return false;
    }

    /// <summary>Finds out whether an idle instance is wanted, and else sets the timer for when one will be.</summary>
    /// <returns>The instance that is wanted, which is not among the idle any more; null when none is.</returns>
    private ModelInstance? WantedUnderLock(in SchedulingView view, ref InferenceRequest? released)
    {
        ModelInstance? wanted = null;
        while (_queue.Count > 0 && _instances.IdleCount > 0)
        {
            // One at a time: which batch it will take is not known yet, and once it has taken it, it calls the next if there is more.
            ModelInstance next = _instances.Next(_queue.Rows, _queue.Buckets[0].ShapeClass);
            if (!DecideUnderLock(view.For(next.Latency), ref released))
            {
                _timer.Arm(_plan.WakeAt, view.Now);
            }
            else if (_instances.Called is null)
            {
                if (next.Claim is { } claim && !claim.Ask())
                {
                    // Another may need other resources, or none.
                    _instances.Wait(next, view.Now);
                    continue;
                }

                _instances.Call(next);
                wanted = next;
            }

            break;
        }

        if (_limiter is not null)
        {
            if (_queue.Count == 0) _instances.StopWaiting();
            _instances.GiveBack();
        }

        return wanted;
    }

    /// <summary>When time alone next changes something: the request that is due first can no longer be in time, or, once that has been looked at, its deadline.</summary>
    private long NextLookUnderLock(in SchedulingView view)
    {
        long due = _queue.EarliestDeadline;
        if (due == QueueEntry.NoDeadline || Forecast.ShortestRun(view.Of(_queue.FirstDue!.ShapeClass), Policy) is not (> 0 and long run) || due - run < view.Now) return due;

        // The first moment that is not in time any more, but no timer is finer than a millisecond: sooner it would come again and again.
        long millisecond = Math.Max(1, Time.TimestampFrequency / 1000);
        return Math.Min(due, view.Now + ((due - run - view.Now + millisecond) / millisecond * millisecond));
    }

    /// <returns>True when there is a batch to be run now; it is in the plan.</returns>
    private bool DecideUnderLock(in SchedulingView view, ref InferenceRequest? released)
    {
        _plan.Clear();
        if (_queue.Count == 0) return false;
        _former.Decide(view, _plan);
        RefuseUnderLock(view, ref released);
        return _plan.Parts.Length > 0;
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

        if (request.DueAt == QueueEntry.NoDeadline && IsGone())
        {
            EndUnderLock(request, RequestOutcome.Rejected, StatusCode.Unavailable, Refusals.Gone, ref released);
            return;
        }

        if (request.DueAt is not QueueEntry.NoDeadline and long due) _gate.Saw(request.Priority, Math.Max(1, due - request.Arrival), request.Waited);
        Refusal refusal = _former.Admit(request, view);
        if (refusal.Reason != RefusalReason.None)
        {
            if (refusal.Reason == RefusalReason.QueueFull) request.RowsAhead = _waiting.Requests - 1;
            RefuseUnderLock(request, refusal, ref released);
            return;
        }

        if (request.PredictedEnd == 0 && (request.WantsForecast || request.Explains)) Foretell(request, view);
        if (_hasShapes) ShapeKeys.Separate(request, _queue);
        _queue.Add(request);
    }

    /// <summary>Notes in a request that nothing was foreseen for, since nothing depends on it, what is before it; and when it will be finished, where batches are not made to wait for company.</summary>
    private void Foretell(InferenceRequest request, in SchedulingView all)
    {
        SchedulingView view = Forecast.Soonest(all.Of(request.ShapeClass), Policy, request.RowsWaiting, out long freeAt);
        RowsAhead ahead = RowsAhead.Of(request, view, Policy);
        request.RowsAhead = ahead.Rows;
        long own = Forecast.SoonestEnd(view, Policy, request.RowsWaiting, freeAt) - freeAt;
        if (own > 0 && !Policy.IsTritons) request.PredictedEnd = Forecast.End(view, Policy, freeAt, ahead, request.RowsWaiting, own);
    }

    private void AdmitAndExpireUnderLock(in SchedulingView view, ref InferenceRequest? released)
    {
        while (_inbox.Reader.TryRead(out InferenceRequest? arrived)) AdmitUnderLock(arrived, view, ref released);
        ExpireUnderLock(view.Now, ref released);
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
            if (part.Rows < request.RowsWaiting) request.Assembly ??= new SplitAssembly(request, Pool);
            if (request.Assembly is { } assembly) assembly.OpenParts(batch, part.Rows);
            else batch.Add(request, firstRow: 0, part.Rows);
            _queue.Take(request, part.Rows);
            if (request.RowsWaiting > 0) continue;
            request.State = RequestState.Executing;
            _waiting.Leave(request);
        }

        batch.PaddedRows = Policy.PadTo(batch.Rows);
        batch.CloseReason = _plan.Reason;
        batch.OpenedAt = instance.FreeSince;
        batch.ClosedAt = now;
        if (instance.Claim is { } claim) claim.IsSpent = true;
        _instances.Run(instance, batch);
    }

    private void OnTimer()
    {
        lock (_lock) _timer.Clear();
        Pump(waitForLock: true);
    }
}
