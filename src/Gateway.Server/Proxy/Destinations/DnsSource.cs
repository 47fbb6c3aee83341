namespace Gateway.Server.Proxy.Destinations;

/// <summary>A name that is resolved: to its hosts, or to those of its service.</summary>
/// <param name="names">Gives the resolver, which changes with the settings.</param>
internal sealed class DnsSource(DestinationAddress address, Func<DnsNames> names) : IAddressSource
{
    public Task<FoundAddresses> FindAsync(CancellationToken cancellation) =>
        address.Kind == AddressKind.Srv ? names().FindServicesAsync(address.Target, cancellation) : names().FindHostsAsync(address.Target, cancellation);
}
