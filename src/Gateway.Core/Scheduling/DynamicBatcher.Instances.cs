using Gateway.Core.Execution;
using Gateway.Core.Requests;
using Gateway.Protocol;

namespace Gateway.Core.Scheduling;

/// <remarks>What instances ask and say: the next batch, a lost device; and runs on threads that they are lent to.</remarks>
public sealed partial class DynamicBatcher
{
    // They take a second and a half in all, with the pauses between; a driver that resets itself is back by then, as a rule.
    private const int ReloadsUntilGone = 5;

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
                _instances.PutIdle(instance);
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

    /// <summary>Whether a batch of an instance's takes so long that others are to have their turn before.</summary>
    internal bool HoldsUpOthers(ModelInstance instance) => !_shortRuns.AllowsArrivals(instance);

    /// <summary>Whether one that was called at a time, and has come, goes behind the others that wait for a thread.</summary>
    internal bool LetsOthersGo(long calledAt) => Time.GetTimestamp() - calledAt < _shortRuns.LongestTurn;

    /// <summary>A thread of the front door has come for the instance, which it was called to.</summary>
    internal void OnCalled(ModelInstance instance)
    {
        if (Pump(waitForLock: true, taker: instance, isCalled: true) is not null) RunHere(instance, isCalled: true);
    }

    /// <summary>An instance that has waited has its resources: it is idle again, and is called if there still is a batch for it.</summary>
    private void OnGranted(ModelInstance instance)
    {
        lock (_lock)
        {
            instance.FreeSince = Time.GetTimestamp();
            _instances.PutIdle(instance);
        }

        Pump(waitForLock: true);
    }

    /// <summary>Runs the batch of an instance that was lent to this thread, and puts the instance back among the idle.</summary>
    /// <param name="isCalled">Whether this thread has come for the instance, of which the lone runs have been told. Else it brought a request: it has others to bring, and perhaps its own answer to send.</param>
    private void RunHere(ModelInstance instance, bool isCalled)
    {
        long until = isCalled ? Time.GetTimestamp() + _shortRuns.LongestTurn : 0;
        bool wasSeen = isCalled;
        do
        {
            instance.RunHere();
        }
        while (TakesNext(instance, until, ref wasSeen));
        Pump(waitForLock: true);
    }

    /// <summary>Gives a lent instance the next batch if there is a full one, else puts it among the idle.</summary>
    /// <param name="until">When this thread has run enough; a timestamp.</param>
    /// <param name="wasSeen">Whether the lone runs have been told of the batch that has ended.</param>
    private bool TakesNext(ModelInstance instance, long until, ref bool wasSeen)
    {
        InferenceRequest? released = null;
        bool takes;
        lock (_lock)
        {
            long now = Time.GetTimestamp();
            instance.FreeSince = now;
            _instances.Free(instance);
            takes = now < until && instance.Claim is null && instance.CanRunHere && _shortRuns.IsFull(_queue, instance) && _shortRuns.Allows(instance) && DecideUnderLock(new SchedulingView(_queue, instance.Latency, _instances.Views, now, _unanswered.IsStopping), ref released);
            if (!wasSeen) _loneRuns.Saw(isLone: instance.Batch.Slices.Length == 1 && _queue.Count == 0);
            wasSeen = false;
            if (takes) FillUnderLock(instance, now);
            else _instances.PutIdle(instance);
        }

        ReleaseAll(released);
        if (takes) Pump(waitForLock: false);
        return takes;
    }

    /// <summary>Asks one who brings requests to wait, where more are waiting than is good: see <see cref="ShortRuns"/>.</summary>
    /// <returns>True when it is to wait until it is told to go on.</returns>
    internal bool HoldsBack(IHeldBack reader)
    {
        if (!_shortRuns.IsBehind(_queue, _instances.All)) return false;
        _held.Add(reader);

        // What it waits for may have come before it could be told.
        if (!_shortRuns.IsBehind(_queue, _instances.All)) _held.LetGo();
        return true;
    }

    /// <summary>Whether the instance that is called is lent to this thread, for the batch in the plan.</summary>
    /// <param name="isNew">Whether it is this thread that calls it.</param>
    private bool IsLentUnderLock(RunsHere runs, bool isNew, in SchedulingView view, ref InferenceRequest? released)
    {
        if (_instances.Called is not { } instance) return false;
        if (isNew) return runs == RunsHere.Any && CanRunHereUnderLock(instance);
        return _shortRuns.IsFull(_queue, instance) && _shortRuns.AllowsArrivals(instance) && instance.CanRunHere && DecideUnderLock(view.For(instance.Latency), ref released);
    }

    /// <summary>Whether the planned batch, which the instance was to be called for, can be run on this thread instead.</summary>
    private bool CanRunHereUnderLock(ModelInstance instance) =>
        _queue.Count == 1 && _plan.Parts.Length == 1 && _plan.Parts[0] is { Entry: InferenceRequest request } part && part.Rows == request.Rows
        && _loneRuns.Allows(Policy.Estimate(part.Rows, instance.Latency, request.ShapeClass)) && instance.CanRunHere;

    /// <summary>A batch needed more memory than there was: later ones are to be of the next smaller size. One of the smallest, or of a size that is not to be run any more, says nothing of those that are.</summary>
    internal void Shrink(ModelInstance instance, Batch batch)
    {
        Statistics.CountOutOfMemory();
        int below = DeviceSizes.Below(Policy.AllowedBatchSizes, batch.PaddedRows);
        if (below >= batch.PaddedRows || batch.PaddedRows > instance.Latency.MostRows) return;
        instance.Latency.MemoryRetry.OnFailed(Time.GetTimestamp());
        instance.Latency.LimitRows(below);
    }

    /// <summary>A batch ran: after a while the next may be a size larger than those that there was memory for.</summary>
    internal void Grow(ModelInstance instance, long now)
    {
        instance.Latency.MemoryRetry.OnRan(instance.Batch.PaddedRows);
        if (instance.Latency.MostRows is var most && most < Policy.MaxBatchRows && instance.Latency.MemoryRetry.IsDue(Time, now, most)) instance.Latency.AllowRows(DeviceSizes.Above(Policy.AllowedBatchSizes, most));
    }

    /// <summary>Puts rows of one request back into the queue, where they needed more memory than there was and fewer of them may not.</summary>
    /// <returns>False where they cannot be fewer, or put together again.</returns>
    internal bool TakesBackInParts(BatchSlice slice, LatencyModel latency) => slice.Rows > Policy.MostRowsOf(slice.Rows, latency) && TryTakeBack(slice);

    /// <summary>An instance's device was lost under a batch: its requests go back to the queue, for what is left, but for those that it has happened to before.</summary>
    /// <param name="hasRun">Whether it was this batch under which the device was lost; else it was gone already.</param>
    internal void Lose(ModelInstance instance, Batch batch, string error, bool hasRun)
    {
        if (hasRun) Statistics.CountLostDevice();
        Observer?.Invoke(instance.Index, error);
        lock (_lock)
        {
            _instances.Lose(instance);
            instance.Claim?.GiveBack();
        }

        foreach (BatchSlice slice in batch.Slices)
        {
            bool isBlamed = hasRun && HasLostBefore(slice.Request, batch);
            if ((isBlamed || !TryTakeBack(slice)) && instance.FailLost(slice, error)) Release(slice.Request);
        }

        Pump(waitForLock: true);
    }

    /// <summary>Instances whose device is lost at present.</summary>
    public int LostInstances => _instances.All.Count(instance => instance.IsLost);

    /// <summary>Whether there is none that could run anything at present.</summary>
    public bool HasLostAll => LostInstances is > 0 and int lost && lost == _instances.All.Length;

    /// <summary>An instance could not be loaded anew. If none can, those that would wait for ever are told so.</summary>
    internal void OnFailedReload()
    {
        if (!IsGone()) return;
        InferenceRequest? released = null;
        lock (_lock)
        {
            while (_queue.Patients.Oldest is InferenceRequest request)
            {
                _queue.Remove(request);
                EndUnderLock(request, RequestOutcome.Rejected, StatusCode.Unavailable, Refusals.Gone, ref released);
            }
        }

        ReleaseAll(released);
        Pump(waitForLock: true);
    }

    /// <summary>Whether all are lost for longer than a driver's restart takes: each was to be loaded anew a few times, and could not.</summary>
    private bool IsGone()
    {
        foreach (ModelInstance instance in _instances.All)
        {
            if (instance.FailedReloads < ReloadsUntilGone) return false;
        }

        return _instances.All.Length > 0;
    }

    /// <summary>Takes note that a device was lost under a request's rows.</summary>
    /// <returns>True where that has happened to it before: what was under way already, of several parts, is of the same loss.</returns>
    private bool HasLostBefore(InferenceRequest request, Batch batch)
    {
        lock (_lock)
        {
            if (batch.ClosedAt >= request.LostDeviceAt) return true;
            request.LostDeviceAt = Math.Min(request.LostDeviceAt, Time.GetTimestamp());
            return false;
        }
    }

    /// <summary>Puts rows that have not been run, or not to their end, back into the queue.</summary>
    /// <returns>False where nobody wants them any more: the request is cancelled, or has failed in another part.</returns>
    private bool TryTakeBack(BatchSlice slice)
    {
        InferenceRequest request = slice.Request;
        lock (_lock)
        {
            if (request.IsCancelled || request.Assembly?.TryReturnPart(slice) == false) return false;
            if (request.State == RequestState.Pending)
            {
                // Others of its rows wait there.
                _queue.Remove(request);
            }
            else
            {
                request.State = RequestState.Pending;
                _waiting.Enter(request);
            }

            request.RowsTaken -= slice.Rows;
            _queue.Add(request);
        }

        return true;
    }
}
