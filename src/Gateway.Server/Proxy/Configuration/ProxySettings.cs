using Yarp.ReverseProxy.Configuration;

namespace Gateway.Server.Proxy.Configuration;

/// <summary>All that the configuration says of the proxy, read and checked at one time. Immutable.</summary>
/// <param name="Files">What it was read from, and is read from again when one of them changes.</param>
/// <param name="Routes">As configured, with the defaults of <paramref name="Options"/> put in.</param>
public sealed record ProxySettings(
    IReadOnlyList<string> Files,
    IReadOnlyList<RouteConfig> Routes,
    IReadOnlyList<ClusterConfig> Clusters,
    ProxyOptions Options,
    IReadOnlyDictionary<string, RateLimitOptions> RateLimits,
    IReadOnlyDictionary<string, ResilienceOptions> Resilience,
    DnsOptions Dns);
