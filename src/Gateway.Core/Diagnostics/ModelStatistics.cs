using Gateway.Core.Execution;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;

namespace Gateway.Core.Diagnostics;

/// <summary>Counters of one model version: what its metrics and statistics are made from.</summary>
/// <remarks>
/// <b>Behaviour</b>: once nothing is under way, accepted = succeeded + failed + rejected + cancelled + expired. What other gateways warm this one up with counts as an execution, and as no
/// request. <b>Threading</b>: any thread; a batch is counted
/// as a whole under one short lock.
/// </remarks>
public sealed class ModelStatistics(TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly double _nanosecondsPerTick = 1e9 / time.TimestampFrequency;
    private readonly ModelCounts _counts = new();
    private long _accepted;

    internal void CountAccepted() => Interlocked.Increment(ref _accepted);

    internal void CountAccepted(InferenceRequest request)
    {
        if (!request.IsWarmUp) CountAccepted();
    }

    /// <summary>A protocol endpoint refused a request before it read it, because it would be refused: it counts as accepted and rejected, like one that came as far.</summary>
    internal void CountRefused(RefusalReason reason)
    {
        CountAccepted();
        lock (_lock)
        {
            _counts.Outcomes[(int)RequestOutcome.Rejected]++;
            _counts.Refusals[(int)reason]++;
        }
    }

    /// <summary>A request ended outside of a batch that succeeded.</summary>
    internal void CountReleased(InferenceRequest request)
    {
        lock (_lock)
        {
            CountOutcome(request);

            // It ended between two of its parts, or with one that failed.
            if (request.Assembly is { } assembly && !request.IsWarmUp) _counts.AbandonedRows += assembly.RowsDone;
        }
    }

    /// <summary>A request was accepted and ended without the batcher: answered from the cache, or by another's run.</summary>
    internal void CountAside(InferenceRequest request, long now)
    {
        CountAccepted();
        lock (_lock)
        {
            CountOutcome(request);
            if (request.Outcome == RequestOutcome.Succeeded) _counts.Request.Add(Nanoseconds(request.Times.Queued, now));
        }
    }

    internal void CountFailedExecution()
    {
        lock (_lock) _counts.FailedExecutions++;
    }

    internal void CountOutOfMemory()
    {
        lock (_lock) _counts.OutOfMemory++;
    }

    internal void CountLostDevice()
    {
        lock (_lock) _counts.LostDevices++;
    }

    /// <summary>A batch ran; <paramref name="finished"/> is the list of the requests that it finished.</summary>
    internal void CountBatch(Batch batch, InferenceRequest? finished, long now)
    {
        lock (_lock)
        {
            _counts.Executions++;
            _counts.Inferences += batch.Rows;
            _counts.PaddingRows += batch.PaddedRows - batch.Rows;
            _counts.GatheredBytes += batch.GatheredBytes;
            _counts.CloseReasons[(int)batch.CloseReason]++;
            _counts.CountBatchSize(batch.Rows);
            _counts.LastInference = time.GetUtcNow();
            if (batch.UploadStart != 0)
            {
                _counts.Upload.Add(Nanoseconds(batch.UploadStart, batch.RunStart));
                _counts.Download.Add(Nanoseconds(batch.RunEnd, batch.DownloadEnd));
            }

            long gather = Nanoseconds(batch.ClosedAt, batch.RunStart);
            long run = Nanoseconds(batch.RunStart, batch.RunEnd);
            long scatter = Nanoseconds(batch.RunEnd, now);
            _counts.CountSize(batch.Rows, gather, run, scatter);
            for (InferenceRequest? request = finished; request is not null; request = request.NextReleased)
            {
                if (request.IsWarmUp) continue;
                CountOutcome(request);
                if (request.Outcome != RequestOutcome.Succeeded)
                {
                    _counts.AbandonedRows += request.RowsTaken;
                    continue;
                }

                if (now > request.AnswerDueAt)
                {
                    _counts.LateRequests++;
                    _counts.LateRows += request.Rows;
                }
                else
                {
                    _counts.RowsInTime += request.Rows;
                }

                if (request.PredictedEnd != 0) _counts.PredictionError.Add(Nanoseconds(0, Math.Abs(now - request.PredictedEnd)));
                _counts.Request.Add(Nanoseconds(request.Times.Queued, now));
                _counts.Queue.Add(Nanoseconds(request.Times.Queued, batch.ClosedAt));
                _counts.ComputeInput.Add(gather);
                _counts.ComputeInfer.Add(run);
                _counts.ComputeOutput.Add(scatter);
            }
        }
    }

    /// <summary>A copy of all counts, taken at one moment.</summary>
    public ModelCounts Snapshot()
    {
        ModelCounts copy = new();
        lock (_lock) _counts.CopyTo(copy);

        // Read after the rest, so that a snapshot never shows more requests ended than accepted.
        copy.Accepted = Volatile.Read(ref _accepted);
        return copy;
    }

    private void CountOutcome(InferenceRequest request)
    {
        if (request.IsWarmUp) return;
        _counts.Outcomes[(int)request.Outcome]++;
        if (request.Outcome != RequestOutcome.Succeeded) _counts.FailedNanoseconds += Nanoseconds(request.Times.Queued, request.Times.Released);
        if (request.Refusal.Reason != RefusalReason.None) _counts.Refusals[(int)request.Refusal.Reason]++;
        _counts.ReceivedBytes += request.CopiedBytes;
    }

    private long Nanoseconds(long from, long to) => (long)((to - from) * _nanosecondsPerTick);
}
