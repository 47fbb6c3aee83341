namespace Gateway.Core.Caching;

/// <summary>What the server gives its cache.</summary>
public sealed record CacheOptions
{
    /// <summary>Bytes of memory for all models together, index and all; 0 for no cache.</summary>
    public long MemoryBytes { get; init; } = 64L << 20;

    /// <summary>Where entries are kept that memory has no room for, and across restarts; null keeps them in memory alone.</summary>
    public string? Directory { get; init; }

    /// <summary>Most bytes there.</summary>
    public long DiskBytes { get; init; } = 1L << 30;
}
