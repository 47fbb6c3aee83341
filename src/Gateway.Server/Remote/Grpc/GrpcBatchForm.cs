using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;

namespace Gateway.Server.Remote.Grpc;

/// <summary>Batches over gRPC: a <c>ModelInferRequest</c> whose tensors are raw bytes, as they lie.</summary>
internal sealed class GrpcBatchForm(GrpcUpstream upstream, ModelLayout layout) : IBatchForm
{
    private readonly GrpcBatchHead _head = new(layout, upstream.Name, upstream.Version);
    private readonly GrpcAnswerReader _reader = new(layout);

    public string Version => _reader.Version;

    public void Write(Batch batch, ReadOnlySpan<int> byteLengths, long timeoutMicroseconds) => _head.Write(batch, byteLengths, timeoutMicroseconds);

    public async Task<BlockBatchOutput> InferAsync(MemoryBlock rows, string marks, bool isFresh, int batchRows, long limit, Action onHead, CancellationToken cancellation)
    {
        using BatchContent content = new(GrpcUpstream.ContentType, _head.Around(new BlockMemory(rows, rows.Capacity).Memory));
        return _reader.Read(await upstream.CallAsync("ModelInfer", content, marks, isFresh, limit, onHead, cancellation).ConfigureAwait(false), batchRows);
    }

    public void Dispose()
    {
    }
}
