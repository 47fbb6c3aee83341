using Gateway.Server.Proxy.Configuration;
using Gateway.Server.Proxy.Metrics;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Server.Proxy;

/// <summary>What the server knows of a proxied route beside YARP; lies in the metadata of its endpoint, and is made anew when the route changes.</summary>
internal sealed class ProxyRoute(RouteConfig config, RouteMetadata metadata, RouteCounts counts)
{
    public RouteConfig Config => config;

    public RouteMetadata Metadata => metadata;

    public RouteCounts Counts => counts;

    /// <summary>Whether there is somewhere to forward to.</summary>
    public bool HasUpstream { get; } = !string.IsNullOrEmpty(config.ClusterId);
}
