namespace Gateway.Server.Proxy.Resilience;

/// <summary>Sends a proxied request through the guards of its cluster, if it has any. Health probes, and other requests that are no call's, go straight.</summary>
internal sealed class GuardHandler : DelegatingHandler
{
    private readonly string _cluster;
    private readonly GuardTable _guards;
    private readonly Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> _send;

    public GuardHandler(string cluster, GuardTable guards, HttpMessageHandler inner)
        : base(inner)
    {
        _cluster = cluster;
        _guards = guards;
        _send = base.SendAsync;
    }

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        request.Options.TryGetValue(ProxyCall.Key, out ProxyCall? call) && _guards.For(_cluster) is { } guards
            ? guards.SendAsync(request, call, _send, cancellationToken)
            : base.SendAsync(request, cancellationToken);
}
