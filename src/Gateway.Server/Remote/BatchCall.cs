using Gateway.Core.Execution;
using Gateway.Core.Memory;

namespace Gateway.Server.Remote;

/// <summary>One batch on its way to the upstream and back: at most two attempts within one time.</summary>
/// <param name="form">Has written what goes with the rows.</param>
/// <param name="rows">The batch's tensors, borrowed until the call has ended.</param>
/// <param name="patience">The longest that it may take: the model's own time, or less where the deadlines in the batch are over before.</param>
/// <param name="terminated">Cuts it short.</param>
internal sealed class BatchCall(
    UpstreamClient client, IBatchForm form, MemoryBlock rows, string marks, int batchRows, long limit, TimeSpan patience, TimeProvider time, CancellationToken terminated)
{
    private readonly long _start = time.GetTimestamp();
    private int _attempts;

    /// <summary>Sends the batch and reads the answer.</summary>
    /// <exception cref="UpstreamException">It failed.</exception>
    /// <exception cref="OperationCanceledException">It was cut short.</exception>
    public async ValueTask<BlockBatchOutput> AttemptAsync()
    {
        using CancellationTokenSource limited = CancellationTokenSource.CreateLinkedTokenSource(terminated);
        TimeSpan first = client.Parameters.FirstByteTimeout ?? client.Parameters.Timeout;
        TimeSpan left = Left;
        limited.CancelAfter(first < left ? first : left);
        bool hasBegun = false;
        bool isFirst = first < left;
        try
        {
            return await form.InferAsync(rows, marks, isFresh: ++_attempts > 1, batchRows, limit, Begin, limited.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException error) when (!terminated.IsCancellationRequested)
        {
            TimeSpan waited = time.GetElapsedTime(_start);
            string what = hasBegun ? "has not ended its answer" : "has not answered";
            bool isOverdue = patience < client.Parameters.Timeout && (hasBegun || !isFirst);
            UpstreamException silence = new(isOverdue ? UpstreamFailure.Overdue : UpstreamFailure.TimedOut, $"the server that runs the model {what} within {waited.TotalMilliseconds:F0} ms", error, waited);
            if (silence.SpeaksAgainstUpstream) client.NoteSilence();
            throw silence;
        }

        void Begin()
        {
            hasBegun = true;
            limited.CancelAfter(Left);
        }
    }

    private TimeSpan Left
    {
        get
        {
            TimeSpan left = patience - time.GetElapsedTime(_start);
            return left > TimeSpan.Zero ? left : TimeSpan.Zero;
        }
    }
}
