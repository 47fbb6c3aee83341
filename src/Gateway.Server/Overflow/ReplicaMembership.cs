using Gateway.Server.Hosting;
using Gateway.Server.Proxy.Configuration;
using Gateway.Server.Proxy.Destinations;
using Gateway.Server.Proxy.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy.Model;

namespace Gateway.Server.Overflow;

/// <summary>Who the replicas are: those of <c>--overflow-replica</c>, with names and files looked up again and again, and the destinations of the cluster of <c>--overflow-cluster</c>.</summary>
/// <remarks><b>Threading</b>: any. A replica's weight, zone and address of gRPC come from the words after its address, in the setting or the file, or from the destination's metadata: <c>weight</c>, <c>zone</c> and <c>grpc</c>.</remarks>
internal sealed class ReplicaMembership(ServerOptions options, Replicas replicas, ILogger<AddressEntry> logger) : IHostedService, IClusterChangeListener, IDisposable
{
    private readonly Lock _lock = new();
    private readonly List<ReplicaSetup> _fixed = [];
    private readonly List<(AddressEntry Entry, IReadOnlyList<KeyValuePair<string, string>> Words)> _lookedUp = [];
    private IReadOnlyList<ReplicaSetup> _ofCluster = [];

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        DnsOptions dns = options.Proxy?.Dns ?? new DnsOptions();
        Lazy<DnsNames> names = new(() => new DnsNames(dns));
        foreach (string text in options.OverflowReplica)
        {
            // What is wrong with one has been said before.
            if (ReplicaSetup.Parse(text, out DestinationAddress address, out IReadOnlyList<KeyValuePair<string, string>> words) is not null) continue;
            if (address.Kind == AddressKind.Static) _fixed.Add(ReplicaSetup.From(address.Target, words, options.OverflowZone));
            else _lookedUp.Add((new AddressEntry(text, address.ToSource(() => names.Value), () => dns.RetryInterval, Follow, new ResolutionCounts(), TimeProvider.System, logger), words));
        }

        // One that cannot be looked up now is warned of, and looked up later.
        await Task.WhenAll(_lookedUp.Select(each => each.Entry.First)).WaitAsync(cancellationToken).ConfigureAwait(false);
        Follow();
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        foreach ((AddressEntry entry, _) in _lookedUp) entry.Dispose();
    }

    public void OnClusterAdded(ClusterState cluster) => OnClusterChanged(cluster);

    public void OnClusterChanged(ClusterState cluster)
    {
        if (!IsOurs(cluster)) return;
        Follow([.. cluster.DestinationsState.AllDestinations.Select(destination => ReplicaSetup.From(new Uri(destination.Model.Config.Address), destination.Model.Config.Metadata ?? new Dictionary<string, string>(), options.OverflowZone, destination.Model.Config.Host))]);
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
        lock (_lock) replicas.Set([.. _fixed, .. _lookedUp.SelectMany(each => each.Entry.Found.Select(found => ReplicaSetup.From(found.Address, each.Words.Concat(found.Metadata()), options.OverflowZone, found.Host))), .. _ofCluster]);
    }
}
