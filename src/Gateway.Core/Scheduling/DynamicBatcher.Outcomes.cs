using Gateway.Core.Requests;
using Gateway.Protocol;

namespace Gateway.Core.Scheduling;

/// <remarks>How requests end: released with an answer, refused, cancelled, abandoned.</remarks>
public sealed partial class DynamicBatcher
{
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
        _unanswered.Remove(_releaseOrder?.Release(request) ?? 1);
    }

    private void RefuseUnderLock(in SchedulingView view, ref InferenceRequest? released)
    {
        foreach (BatchPlan.Refused refused in _plan.Refusals)
        {
            InferenceRequest request = (InferenceRequest)refused.Entry;
            request.RowsAhead = RowsAhead.Of(request, view, Policy).Rows;
            _queue.Remove(request);
            RefuseUnderLock(request, refused.Why, ref released);
        }
    }

    private void RefuseUnderLock(InferenceRequest request, in Refusal refusal, ref InferenceRequest? released)
    {
        _waiting.Leave(request);
        request.Refuse(refusal, Time);
        if (request.Assembly is { } assembly && !assembly.Abandon(RequestOutcome.Rejected, request.Status, request.Error!)) return;
        ReleaseLater(request, ref released);
    }

    private void EndUnderLock(InferenceRequest request, RequestOutcome outcome, StatusCode status, string text, ref InferenceRequest? released)
    {
        _waiting.Leave(request);
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
        _waiting.Leave(request);
        request.Times.Released = Time.GetTimestamp();
        Statistics.CountReleased(request);
        request.Complete();
        _unanswered.Remove(1);
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
        _waiting.Leave(request);
        return true;
    }
}
