namespace Gateway.Server.Proxy.Destinations;

/// <summary>An answer to the question where a destination is.</summary>
/// <param name="Addresses">In a stable order; at most <see cref="Most"/>.</param>
/// <param name="ValidFor">Time after which to ask again.</param>
internal readonly record struct FoundAddresses(IReadOnlyList<FoundAddress> Addresses, TimeSpan ValidFor)
{
    /// <summary>Addresses that one destination can stand for; a name or file with more is refused.</summary>
    public const int Most = 1024;
}
