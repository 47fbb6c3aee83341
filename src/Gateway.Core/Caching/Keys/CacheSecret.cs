using System.Security.Cryptography;

namespace Gateway.Core.Caching.Keys;

/// <summary>What a cache's digests are keyed with: 32 random bytes, which lie beside what it keeps on disk.</summary>
/// <remarks><b>Threading</b>: immutable. Each purpose has digests of its own.</remarks>
internal sealed class CacheSecret
{
    public const int Bytes = 2 * AegisMac.KeyBytes;

    /// <param name="bytes">As many as <see cref="Bytes"/>.</param>
    public CacheSecret(ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(bytes.Length, Bytes);
        AegisMac begin = AegisMac.Begin(bytes[..AegisMac.KeyBytes], bytes[AegisMac.KeyBytes..]);
        ForKeys = With(begin, "keys"u8);
        ForEntries = With(begin, "entries"u8);
        ForSectors = With(begin, "sectors"u8);
        ForFiles = With(begin, "files"u8);
    }

    /// <summary>Where digests of requests begin.</summary>
    public AegisMac ForKeys { get; }

    /// <summary>Where seals of entries begin.</summary>
    public AegisMac ForEntries { get; }

    /// <summary>Where checks of what was written to disk begin.</summary>
    public AegisMac ForSectors { get; }

    /// <summary>Where digests of model files begin.</summary>
    public AegisMac ForFiles { get; }

    /// <summary>The same everywhere, for digests by which several processes find each other, and which nobody takes for proof of anything.</summary>
    public static CacheSecret Shared { get; } = new(new byte[Bytes]);

    public static CacheSecret Random() => new(RandomNumberGenerator.GetBytes(Bytes));

    /// <summary>Reads the secret in a folder, or makes one there that only its owner may read.</summary>
    /// <exception cref="IOException">It can be neither read nor made.</exception>
    /// <param name="isNew">Whether one was made: what lies there was sealed with another.</param>
    public static CacheSecret ReadOrMake(string path, out bool isNew)
    {
        isNew = false;
        if (File.Exists(path) && File.ReadAllBytes(path) is { Length: Bytes } kept) return new CacheSecret(kept);
        isNew = true;
        byte[] made = RandomNumberGenerator.GetBytes(Bytes);
        string aside = path + ".new";
        FileStreamOptions options = new() { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (FileStream file = new(aside, options))
        {
            file.Write(made);
            file.Flush(flushToDisk: true);
        }

        File.Move(aside, path, overwrite: true);
        return new CacheSecret(made);
    }

    /// <summary>The first 64 bits of a digest, for what needs no more.</summary>
    public static ulong Short(AegisMac begin, ReadOnlySpan<byte> of)
    {
        begin.Absorb(of);
        return (ulong)begin.Finish().First;
    }

    private static AegisMac With(AegisMac begin, ReadOnlySpan<byte> purpose)
    {
        begin.Absorb(purpose);
        return begin;
    }
}
