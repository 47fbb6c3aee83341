using Gateway.Core.Execution;
using Gateway.Core.Memory;

namespace Gateway.Server.Remote;

/// <summary>How an instance's batches look on the way to an upstream, and their answers on the way back: one a protocol.</summary>
/// <remarks><b>Threading</b>: one batch at a time. <b>Ownership</b>: disposed with the instance.</remarks>
internal interface IBatchForm : IDisposable
{
    /// <summary>The model version that answered last; empty before, and when the upstream does not say.</summary>
    string Version { get; }

    /// <summary>Writes what goes with a batch's rows.</summary>
    /// <param name="byteLengths">Bytes of each input, all rows together.</param>
    /// <param name="timeoutMicroseconds">Time that the batch has left; 0 for any.</param>
    void Write(Batch batch, ReadOnlySpan<int> byteLengths, long timeoutMicroseconds);

    /// <summary>Sends what was written, and reads the answer.</summary>
    /// <param name="rows">The batch's tensors one after the other, borrowed until this has ended.</param>
    /// <param name="marks">By whom the batch is passed on (<see cref="Overflow.Passage"/>).</param>
    /// <param name="isFresh">Whether it is to go over a new connection.</param>
    /// <param name="batchRows">Rows of the batch, padding included.</param>
    /// <param name="limit">The most bytes that are read of the answer.</param>
    /// <param name="onHead">Called when the answer has begun.</param>
    /// <returns>The caller's to release.</returns>
    /// <exception cref="UpstreamException">It failed, or the answer is not one to such a batch.</exception>
    Task<BlockBatchOutput> InferAsync(MemoryBlock rows, string marks, bool isFresh, int batchRows, long limit, Action onHead, CancellationToken cancellation);
}
