namespace Gateway.Server.Proxy.Responses;

/// <summary>Counts the bytes of responses, and refuses those that are larger than their route allows.</summary>
internal sealed class MeteringHandler(HttpMessageHandler inner) : DelegatingHandler(inner)
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        HttpResponseMessage response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);

        // Of an upgraded connection the stream goes both ways, and is not a response's body.
        if (response.StatusCode == System.Net.HttpStatusCode.SwitchingProtocols || request.Method == HttpMethod.Connect) return response;
        if (!request.Options.TryGetValue(ProxyCall.Key, out ProxyCall? call)) return response;
        long limit = call.MaxResponseBytes;
        if (response.Content.Headers.ContentLength > limit && request.Method != HttpMethod.Head)
        {
            response.Dispose();
            throw new ResponseTooLargeException(limit);
        }

        response.Content = new MeteredContent(response.Content, call, limit);
        return response;
    }
}
