using System.Net;
using System.Net.Http.Headers;

namespace Gateway.Server.Remote;

/// <summary>A batch as the body of a request: pieces that lie where they were written, and the tensors between them as they lie in a block.</summary>
internal sealed class BatchContent : HttpContent
{
    private readonly ReadOnlyMemory<byte>[] _pieces;
    private readonly long _length;

    /// <param name="pieces">Borrowed until the request has ended.</param>
    public BatchContent(MediaTypeHeaderValue type, params ReadOnlyMemory<byte>[] pieces)
    {
        _pieces = pieces;
        foreach (ReadOnlyMemory<byte> piece in pieces) _length += piece.Length;
        Headers.ContentType = type;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        foreach (ReadOnlyMemory<byte> piece in _pieces)
        {
            if (piece.Length > 0) await stream.WriteAsync(piece, cancellationToken).ConfigureAwait(false);
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = _length;
        return true;
    }
}
