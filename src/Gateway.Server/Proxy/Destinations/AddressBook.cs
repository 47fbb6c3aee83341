using Gateway.Server.Proxy.Configuration;
using Gateway.Server.Proxy.Metrics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.ServiceDiscovery;

namespace Gateway.Server.Proxy.Destinations;

/// <summary>Resolves the destinations of every YARP cluster, and has YARP ask again when an answer has changed.</summary>
/// <remarks>
/// <b>Behaviour</b>: a destination <c>d</c> whose address is to be looked up becomes one destination <c>d[host:port]</c> for each address found, so that one that stays keeps its state.
/// Only the first look-up of an address is waited for; one that fails leaves none, and the cluster without them until it succeeds. <b>Threading</b>: any.
/// <b>Cost</b>: nothing a request; one loop an address.
/// </remarks>
internal sealed class AddressBook(ProxyMetrics metrics, TimeProvider time, ILogger<AddressBook> logger) : IDestinationResolver, IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, AddressEntry> _entries = new(StringComparer.Ordinal);
    private CancellationTokenSource _changed = new();
    private volatile DnsOptions _options = new();
    private volatile DnsNames? _names;

    public async ValueTask<ResolvedDestinationCollection> ResolveDestinationsAsync(IReadOnlyDictionary<string, DestinationConfig> destinations, CancellationToken cancellationToken)
    {
        // Before the answers are looked at: a change in between fires it.
        CancellationChangeToken token = new(Volatile.Read(ref _changed).Token);
        Dictionary<string, DestinationConfig> resolved = new(StringComparer.OrdinalIgnoreCase);
        bool mayChange = false;
        foreach ((string id, DestinationConfig config) in destinations)
        {
            if (DestinationAddress.Parse(config.Address, out DestinationAddress address) is not null || address.Kind == AddressKind.Static)
            {
                resolved[id] = config;
                continue;
            }

            mayChange = true;
            AddressEntry entry = Entry(config.Address, address);
            await entry.First.WaitAsync(cancellationToken).ConfigureAwait(false);
            foreach (FoundAddress found in entry.Found) resolved[$"{id}[{found.Address.Authority}]"] = Apply(config, found);
        }

        return new ResolvedDestinationCollection(resolved, mayChange ? token : null);
    }

    /// <summary>Takes new settings, and forgets the addresses that they do not have.</summary>
    public void Use(ProxySettings settings)
    {
        if (_names is null || !SameServers(_options, settings.Dns)) _names = new DnsNames(settings.Dns);
        _options = settings.Dns;
        HashSet<string> used = new(settings.Clusters.SelectMany(cluster => cluster.Destinations?.Values ?? []).Select(destination => destination.Address), StringComparer.Ordinal);
        lock (_lock)
        {
            foreach (string unused in _entries.Keys.Where(address => !used.Contains(address)).ToArray())
            {
                if (_entries.Remove(unused, out AddressEntry? entry)) entry.Dispose();
                metrics.ForgetResolution(unused);
            }

            // All at once, before YARP asks for one after the other.
            foreach (string text in used)
            {
                if (DestinationAddress.Parse(text, out DestinationAddress address) is null && address.Kind != AddressKind.Static) EntryUnderLock(text, address);
            }
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (AddressEntry entry in _entries.Values) entry.Dispose();
            _entries.Clear();
        }
    }

    private AddressEntry Entry(string text, DestinationAddress address)
    {
        lock (_lock) return EntryUnderLock(text, address);
    }

    private AddressEntry EntryUnderLock(string text, DestinationAddress address)
    {
        if (_entries.TryGetValue(text, out AddressEntry? entry)) return entry;
        return _entries[text] = new AddressEntry(text, address.ToSource(() => _names ??= new DnsNames(_options)), () => _options.RetryInterval, SignalChange, metrics.ForResolution(text), time, logger);
    }

    private void SignalChange() => Interlocked.Exchange(ref _changed, new CancellationTokenSource()).Cancel();

    private static DestinationConfig Apply(DestinationConfig config, FoundAddress found)
    {
        Dictionary<string, string> metadata = new(config.Metadata ?? new Dictionary<string, string>(), StringComparer.OrdinalIgnoreCase);
        foreach ((string name, string value) in found.Metadata()) metadata[name] = value;
        return config with
        {
            Address = found.Address.AbsoluteUri,
            Host = string.IsNullOrEmpty(config.Host) ? found.Host : config.Host,

            // Where health is asked at another port or path, it is so at each of the addresses.
            Health = Uri.TryCreate(config.Health, UriKind.Absolute, out Uri? health) ? new UriBuilder(health) { Host = found.Address.Host }.Uri.AbsoluteUri : config.Health,
            Metadata = metadata,
        };
    }

    private static bool SameServers(DnsOptions one, DnsOptions other) => one with { NameServers = [] } == other with { NameServers = [] } && one.NameServers.SequenceEqual(other.NameServers);
}
