using System.Net;

namespace Gateway.Server.Proxy.Responses;

/// <summary>A response's body that is counted as it is read, and breaks off beyond its limit.</summary>
internal sealed class MeteredContent : HttpContent
{
    private readonly HttpContent _inner;
    private readonly ProxyCall _call;
    private readonly long _limit;

    /// <summary>Takes ownership of <paramref name="inner"/>.</summary>
    public MeteredContent(HttpContent inner, ProxyCall call, long limit)
    {
        _inner = inner;
        _call = call;
        _limit = limit;
        foreach ((string name, System.Net.Http.Headers.HeaderStringValues values) in inner.Headers.NonValidated) Headers.TryAddWithoutValidation(name, values);
    }

    protected override Task<Stream> CreateContentReadStreamAsync() => CreateContentReadStreamAsync(CancellationToken.None);

    protected override async Task<Stream> CreateContentReadStreamAsync(CancellationToken cancellationToken) =>
        new MeteredStream(await _inner.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false), _call, _limit);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
    {
        Stream source = await CreateContentReadStreamAsync().ConfigureAwait(false);
        await using (source.ConfigureAwait(false))
        {
            await source.CopyToAsync(stream).ConfigureAwait(false);
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _inner.Dispose();
        base.Dispose(disposing);
    }
}
