using System.Collections.Concurrent;
using Gateway.Server.Proxy.Configuration;

namespace Gateway.Server.Proxy.Metrics;

/// <summary>Counts of everything that the proxy does. There are no more of them than the configuration has routes, clusters and addresses.</summary>
/// <remarks><b>Threading</b>: any thread.</remarks>
internal sealed class ProxyMetrics
{
    private readonly ConcurrentDictionary<string, RouteCounts> _routes = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<string, ClusterCounts> _clusters = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<string, ResolutionCounts> _resolutions = new(StringComparer.Ordinal);
    private long _reloads;
    private long _failedReloads;

    public IEnumerable<KeyValuePair<string, RouteCounts>> Routes => _routes.OrderBy(each => each.Key, StringComparer.Ordinal);

    public IEnumerable<KeyValuePair<string, ClusterCounts>> Clusters => _clusters.OrderBy(each => each.Key, StringComparer.Ordinal);

    public IEnumerable<KeyValuePair<string, ResolutionCounts>> Resolutions => _resolutions.OrderBy(each => each.Key, StringComparer.Ordinal);

    /// <summary>Changes of the configuration that were taken.</summary>
    public long Reloads => Volatile.Read(ref _reloads);

    /// <summary>Changes of the configuration that were refused.</summary>
    public long FailedReloads => Volatile.Read(ref _failedReloads);

    /// <summary>Whether the files say what is in use.</summary>
    public bool IsCurrent { get; private set; } = true;

    public RouteCounts ForRoute(string id) => _routes.GetOrAdd(id, static _ => new RouteCounts());

    public ClusterCounts ForCluster(string id) => _clusters.GetOrAdd(id, static _ => new ClusterCounts());

    public ResolutionCounts ForResolution(string address) => _resolutions.GetOrAdd(address, static _ => new ResolutionCounts());

    public void ForgetResolution(string address) => _resolutions.TryRemove(address, out _);

    public void Reloaded()
    {
        Interlocked.Increment(ref _reloads);
        IsCurrent = true;
    }

    public void ReloadFailed()
    {
        Interlocked.Increment(ref _failedReloads);
        IsCurrent = false;
    }

    /// <summary>Forgets routes and clusters that are no more.</summary>
    public void Keep(ProxySettings settings)
    {
        foreach (string route in _routes.Keys.Where(id => !settings.Routes.Any(each => each.RouteId.Equals(id, StringComparison.OrdinalIgnoreCase))).ToArray()) _routes.TryRemove(route, out _);
        foreach (string cluster in _clusters.Keys.Where(id => !settings.Resilience.ContainsKey(id)).ToArray()) _clusters.TryRemove(cluster, out _);
    }
}
