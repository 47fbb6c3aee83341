using System.Collections.Frozen;
using Gateway.Server.Proxy.Configuration;
using Gateway.Server.Proxy.Metrics;
using Yarp.ReverseProxy.Model;

namespace Gateway.Server.Proxy.Resilience;

/// <summary>The guards of all clusters that have any. Those whose settings stay keep their circuits and their budget when the configuration changes.</summary>
/// <remarks><b>Threading</b>: any thread reads; <see cref="Use"/> by one at a time.</remarks>
internal sealed class GuardTable(ProxyMetrics metrics) : IClusterChangeListener
{
    private volatile FrozenDictionary<string, ClusterGuards> _guards = FrozenDictionary<string, ClusterGuards>.Empty;

    public ClusterGuards? For(string cluster) => _guards.GetValueOrDefault(cluster);

    public void Use(ProxySettings settings)
    {
        FrozenDictionary<string, ClusterGuards> before = _guards;
        _guards = settings.Resilience.ToFrozenDictionary(
            each => each.Key,
            each => before.TryGetValue(each.Key, out ClusterGuards? guards) && guards.Options == each.Value ? guards : new ClusterGuards(each.Value, metrics.ForCluster(each.Key)),
            StringComparer.OrdinalIgnoreCase);
    }

    public void OnClusterAdded(ClusterState cluster)
    {
    }

    public void OnClusterChanged(ClusterState cluster) => For(cluster.ClusterId)?.Keep([.. cluster.Destinations.Keys]);

    public void OnClusterRemoved(ClusterState cluster)
    {
    }
}
