using Microsoft.AspNetCore.Http;

namespace Gateway.Server.Proxy;

/// <summary>One proxied request, from its routing to the end of its response.</summary>
/// <remarks><b>Threading</b>: whoever serves the request, one after the other.</remarks>
/// <param name="maxResponseBytes">Largest response of an upstream.</param>
/// <param name="start">When it came, as a time stamp of the system's clock.</param>
internal sealed class ProxyCall(HttpContext context, ProxyRoute route, long maxResponseBytes, long start)
{
    /// <summary>Leads from the request to an upstream back to the call.</summary>
    public static readonly HttpRequestOptionsKey<ProxyCall> Key = new("gateway.proxy.call");

    public HttpContext Context => context;

    public ProxyRoute Route => route;

    public long MaxResponseBytes => maxResponseBytes;

    /// <summary>What is left of the route's time, which begins when the request comes, before it waits for its turn; null where the route has no limit, 0 or less when it is over.</summary>
    public TimeSpan? TimeLeft => route.Config.Timeout - TimeProvider.System.GetElapsedTime(start);

    /// <summary>Bytes of upstreams' bodies so far.</summary>
    public long ResponseBytes { get; set; }

    /// <summary>Whether it is past the route's limits of rate and concurrency, or has been answered by them.</summary>
    public bool IsDecided { get; set; }
}
