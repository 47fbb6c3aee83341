using System.Collections.Concurrent;
using Gateway.Server.Proxy.Responses;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Server.Proxy.Resilience;

/// <summary>Makes the clients that YARP forwards with: guarded, and metered.</summary>
internal sealed class GuardedClientFactory(GuardTable guards) : ForwarderHttpClientFactory
{
    // What the clients in use were made with; there are no more than clusters.
    private readonly ConcurrentDictionary<string, TimeSpan?> _connectTimeouts = new(StringComparer.OrdinalIgnoreCase);

    protected override bool CanReuseOldClient(ForwarderHttpClientContext context) =>
        base.CanReuseOldClient(context) && _connectTimeouts.GetValueOrDefault(context.ClusterId) == guards.For(context.ClusterId)?.Options.ConnectTimeout;

    protected override void ConfigureHandler(ForwarderHttpClientContext context, SocketsHttpHandler handler)
    {
        base.ConfigureHandler(context, handler);
        TimeSpan? timeout = guards.For(context.ClusterId)?.Options.ConnectTimeout;
        if (timeout is { } given) handler.ConnectTimeout = given;
        _connectTimeouts[context.ClusterId] = timeout;
    }

    protected override HttpMessageHandler WrapHandler(ForwarderHttpClientContext context, HttpMessageHandler handler) =>
        new MeteringHandler(new GuardHandler(context.ClusterId, guards, handler));
}
