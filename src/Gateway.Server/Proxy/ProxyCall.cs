using Microsoft.AspNetCore.Http;

namespace Gateway.Server.Proxy;

/// <summary>One proxied request, from its routing to the end of its response.</summary>
/// <remarks><b>Threading</b>: whoever serves the request, one after the other.</remarks>
/// <param name="maxResponseBytes">Largest response of an upstream.</param>
internal sealed class ProxyCall(HttpContext context, ProxyRoute route, long maxResponseBytes)
{
    /// <summary>Leads from the request to an upstream back to the call.</summary>
    public static readonly HttpRequestOptionsKey<ProxyCall> Key = new("gateway.proxy.call");

    public HttpContext Context => context;

    public ProxyRoute Route => route;

    public long MaxResponseBytes => maxResponseBytes;

    /// <summary>Bytes of upstreams' bodies so far.</summary>
    public long ResponseBytes { get; set; }

    /// <summary>Whether it is past the route's limits of rate and concurrency, or has been answered by them.</summary>
    public bool IsDecided { get; set; }
}
