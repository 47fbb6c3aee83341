using System.Net.Http.Headers;
using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;

namespace Gateway.Server.Remote.Http;

/// <summary>Batches over HTTP: a JSON head, then the tensors as they lie.</summary>
internal sealed class HttpBatchForm(HttpUpstream upstream, ModelLayout layout, BlockPool pool) : IBatchForm
{
    private static readonly MediaTypeHeaderValue OctetStream = new("application/octet-stream");

    private readonly JsonBatchHead _head = new(layout);
    private readonly JsonAnswerReader _reader = new(layout);
    private ReadOnlyMemory<byte> _written;
    private int _rowBytes;

    public string Version => _reader.Version;

    public void Write(Batch batch, ReadOnlySpan<int> byteLengths, long timeoutMicroseconds)
    {
        _written = _head.Write(batch, byteLengths, timeoutMicroseconds);
        _rowBytes = 0;
        foreach (int length in byteLengths) _rowBytes += length;
    }

    public async Task<BlockBatchOutput> InferAsync(MemoryBlock rows, string marks, bool isFresh, int batchRows, long limit, Action onHead, CancellationToken cancellation)
    {
        using BatchContent content = new(OctetStream, _written, new BlockMemory(rows, _rowBytes).Memory);
        using HttpResponseMessage response = await upstream.InferAsync(content, _written.Length, marks, isFresh, cancellation).ConfigureAwait(false);
        onHead();
        return _reader.Read(await AnswerBody.ReadAsync(response, limit, pool, cancellation).ConfigureAwait(false), batchRows);
    }

    public void Dispose() => _head.Dispose();
}
