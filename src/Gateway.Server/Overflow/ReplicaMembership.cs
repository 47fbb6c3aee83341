using System.Globalization;
using Gateway.Server.Hosting;
using Gateway.Server.Proxy.Configuration;
using Gateway.Server.Proxy.Destinations;
using Gateway.Server.Proxy.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy.Model;

namespace Gateway.Server.Overflow;

/// <summary>Who the replicas are: those of <c>--overflow-replica</c>, with names and files looked up again and again, and the destinations of the cluster of <c>--overflow-cluster</c>.</summary>
/// <remarks><b>Threading</b>: any. A replica's weight and zone come from the file's words or the destination's metadata, <c>weight</c> and <c>zone</c>.</remarks>
internal sealed class ReplicaMembership(ServerOptions options, Replicas replicas, ILogger<AddressEntry> logger) : IHostedService, IClusterChangeListener, IDisposable
{
    private const int MostWeight = 1000;

    private readonly Lock _lock = new();
    private readonly List<ReplicaSetup> _fixed = [];
    private readonly List<AddressEntry> _lookedUp = [];
    private IReadOnlyList<ReplicaSetup> _ofCluster = [];

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        DnsOptions dns = options.Proxy?.Dns ?? new DnsOptions();
        Lazy<DnsNames> names = new(() => new DnsNames(dns));
        foreach (string text in options.OverflowReplica)
        {
            if (DestinationAddress.Parse(text, out DestinationAddress address) is not null || address.Kind == AddressKind.Static)
            {
                _fixed.Add(new ReplicaSetup(text.TrimEnd('/')));
                continue;
            }

            _lookedUp.Add(new AddressEntry(text, address.ToSource(() => names.Value), () => dns.RetryInterval, Follow, new ResolutionCounts(), TimeProvider.System, logger));
        }

        // One that cannot be looked up now is warned of, and looked up later.
        await Task.WhenAll(_lookedUp.Select(entry => entry.First)).WaitAsync(cancellationToken).ConfigureAwait(false);
        Follow();
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        foreach (AddressEntry entry in _lookedUp) entry.Dispose();
    }

    public void OnClusterAdded(ClusterState cluster) => OnClusterChanged(cluster);

    public void OnClusterChanged(ClusterState cluster)
    {
        if (!IsOurs(cluster)) return;
        Follow([.. cluster.DestinationsState.AllDestinations.Select(destination => Setup(destination.Model.Config.Address, destination.Model.Config.Metadata ?? new Dictionary<string, string>()))]);
    }

    public void OnClusterRemoved(ClusterState cluster)
    {
        if (IsOurs(cluster)) Follow([]);
    }

    private bool IsOurs(ClusterState cluster) => cluster.ClusterId.Equals(options.OverflowCluster, StringComparison.OrdinalIgnoreCase);

    private void Follow(IReadOnlyList<ReplicaSetup> ofCluster)
    {
        lock (_lock) _ofCluster = ofCluster;
        Follow();
    }

    private void Follow()
    {
        lock (_lock) replicas.Set([.. _fixed, .. _lookedUp.SelectMany(entry => entry.Found).Select(found => Setup(found.Address.AbsoluteUri, found.Metadata())), .. _ofCluster]);
    }

    private ReplicaSetup Setup(string address, IEnumerable<KeyValuePair<string, string>> words)
    {
        int weight = 1;
        string? zone = null;
        foreach ((string name, string value) in words)
        {
            if (name.Equals("weight", StringComparison.OrdinalIgnoreCase) && int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number)) weight = Math.Min(number, MostWeight);
            if (name.Equals("zone", StringComparison.OrdinalIgnoreCase)) zone = value;
        }

        return new ReplicaSetup(address.TrimEnd('/'), weight, options.OverflowZone is null || zone == options.OverflowZone);
    }
}
