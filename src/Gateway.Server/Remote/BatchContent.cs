using System.Net;
using System.Net.Http.Headers;
using Gateway.Core.Memory;

namespace Gateway.Server.Remote;

/// <summary>A batch as the body of a request: the JSON head, then the tensors as they lie in a block.</summary>
internal sealed class BatchContent : HttpContent
{
    private static readonly MediaTypeHeaderValue OctetStream = new("application/octet-stream");

    private readonly ReadOnlyMemory<byte> _head;
    private readonly ReadOnlyMemory<byte> _rows;

    /// <param name="rows">Borrowed until the request has ended.</param>
    /// <param name="rowBytes">Bytes of the tensors.</param>
    public BatchContent(ReadOnlyMemory<byte> head, MemoryBlock rows, int rowBytes)
    {
        _head = head;
        _rows = new BlockMemory(rows, rowBytes).Memory;
        Headers.ContentType = OctetStream;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        await stream.WriteAsync(_head, cancellationToken).ConfigureAwait(false);
        if (_rows.Length > 0) await stream.WriteAsync(_rows, cancellationToken).ConfigureAwait(false);
    }

    protected override bool TryComputeLength(out long length)
    {
        length = (long)_head.Length + _rows.Length;
        return true;
    }
}
