using System.Globalization;
using Gateway.Core.Caching;

namespace Gateway.Server.Hosting;

/// <summary>The response cache's settings, in Triton's words or in ours.</summary>
public static class CacheSettings
{
    /// <summary>The least memory that is of use: 16 pages of the log and an index.</summary>
    public const long LeastBytes = 1L << 20;

    /// <summary>What the server's options say.</summary>
    public static CacheOptions From(ServerOptions options) => new()
    {
        MemoryBytes = options.CacheConfig is { } config && TryReadSize(config, out long size) ? size : options.CacheMemoryByteSize,
        Directory = options.CacheDirectory,
        DiskBytes = options.CacheDiskByteSize,
    };

    /// <summary>What is wrong with the value of <c>--cache-config</c>; null when nothing is.</summary>
    internal static string? Problem(string config)
    {
        string name = config.Split(',')[0];
        if (name != "local") return $"there is no cache '{name}' here (allowed local,size=BYTES)";
        return !TryReadSize(config, out long size) ? $"'{config}' is not valid (allowed local,size=BYTES)"
            : size is > 0 and < LeastBytes ? $"size={size} is too little (allowed 0, or at least {LeastBytes})" : null;
    }

    private static bool TryReadSize(string config, out long size)
    {
        const string Prefix = "local,size=";
        size = 0;
        return config.StartsWith(Prefix, StringComparison.Ordinal) && long.TryParse(config.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out size);
    }
}
