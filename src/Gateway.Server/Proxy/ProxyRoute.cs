using Gateway.Server.Proxy.Configuration;
using Gateway.Server.Proxy.Metrics;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Server.Proxy;

/// <summary>What the server knows of a proxied route beside YARP; lies in the metadata of its endpoint, and is made anew when the route changes.</summary>
internal sealed class ProxyRoute(RouteConfig config, RouteMetadata metadata, RouteCounts counts, string mark)
{
    private long _lastLogged;
    private long _unlogged;

    public RouteConfig Config => config;

    public RouteMetadata Metadata => metadata;

    public RouteCounts Counts => counts;

    /// <summary>What requests carry that it has passed on (<see cref="Overflow.Passage"/>).</summary>
    public string Mark => mark;

    /// <summary>Whether a failure is to be logged: one a second is enough to know.</summary>
    /// <param name="now">A time stamp of <paramref name="time"/>.</param>
    /// <param name="unlogged">Failures since the last that was.</param>
    public bool Logs(long now, TimeProvider time, out long unlogged)
    {
        long last = Volatile.Read(ref _lastLogged);
        unlogged = 0;
        if ((last == 0 || now - last >= time.TimestampFrequency) && Interlocked.CompareExchange(ref _lastLogged, now, last) == last)
        {
            unlogged = Interlocked.Exchange(ref _unlogged, 0);
            return true;
        }

        Interlocked.Increment(ref _unlogged);
        return false;
    }

    /// <summary>Whether there is somewhere to forward to.</summary>
    public bool HasUpstream { get; } = !string.IsNullOrEmpty(config.ClusterId);
}
