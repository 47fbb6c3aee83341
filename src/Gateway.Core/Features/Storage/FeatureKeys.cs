using System.Buffers.Binary;
using Gateway.Core.Caching.Keys;

namespace Gateway.Core.Features.Storage;

/// <summary>Makes the store's keys of entity keys, which are not kept themselves: two halves of a keyed digest, one to find a row and one to make sure of it.</summary>
/// <remarks><b>Threading</b>: any thread. <b>Cost</b>: a digest of a short key; no allocation.</remarks>
internal sealed class FeatureKeys(CacheSecret secret)
{
    /// <summary>Longest key, in bytes.</summary>
    public const int MostKeyBytes = 1024;

    private const int ShortBytes = AegisMac.Rate - sizeof(int);

    private readonly AegisMac _begin = secret.ForKeys;

    /// <param name="key">The text of a string, or the eight bytes of a number.</param>
    public CacheKey Of(ReadOnlySpan<byte> key)
    {
        // The length is in it, so that the zeros that pad a key cannot be taken for a part of it.
        AegisMac mac = _begin;
        Span<byte> first = stackalloc byte[AegisMac.Rate];
        first.Clear();
        BinaryPrimitives.WriteInt32LittleEndian(first, key.Length);
        bool isShort = key.Length <= ShortBytes;
        if (isShort) key.CopyTo(first[sizeof(int)..]);
        mac.Absorb(first);
        if (!isShort) mac.Absorb(key);
        (UInt128 hash, UInt128 check) = mac.Finish();
        return new CacheKey(hash, check);
    }
}
