namespace Gateway.Core.Caching;

/// <summary>Names of what the cache did, as answers have them in every protocol but HTTP.</summary>
public static class CacheOutcomes
{
    /// <summary>Of a request whose model has a cache.</summary>
    public static ReadOnlySpan<byte> WireName(this CacheOutcome outcome) => outcome switch
    {
        CacheOutcome.Hit => "hit"u8,
        CacheOutcome.Joined => "joined"u8,
        CacheOutcome.Refreshed => "refreshed"u8,
        CacheOutcome.Bypassed => "bypassed"u8,
        _ => "miss"u8,
    };
}
