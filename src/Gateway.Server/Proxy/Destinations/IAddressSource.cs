namespace Gateway.Server.Proxy.Destinations;

/// <summary>Knows, or can ask, which addresses a destination stands for.</summary>
internal interface IAddressSource
{
    /// <exception cref="ResolutionException">It cannot be said now.</exception>
    Task<FoundAddresses> FindAsync(CancellationToken cancellation);
}
