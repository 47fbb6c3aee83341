using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Gateway.Core.Tenants;

/// <summary>Whose an API key is. Only the keys' SHA-256 hashes are kept.</summary>
/// <remarks>
/// <b>Behaviour</b>: what the time of a look-up tells is about the hash of what was shown, from which nothing follows about a key. <b>Threading</b>: any thread once built.
/// <b>Cost</b>: one hash; no allocation.
/// </remarks>
internal sealed class ApiKeys
{
    /// <summary>Longest key, in bytes. What is longer is none, and not hashed.</summary>
    public const int MostBytes = 512;

    private readonly Dictionary<UInt128, (byte[] Hash, Tenant Tenant)> _byHash = [];

    public int Count => _byHash.Count;

    /// <summary>Hash of a key.</summary>
    public static byte[] HashOf(ReadOnlySpan<byte> key) => SHA256.HashData(key);

    /// <returns>False when another tenant, or the same, has that key.</returns>
    public bool TryAdd(byte[] hash, Tenant tenant) => _byHash.TryAdd(BinaryPrimitives.ReadUInt128LittleEndian(hash), (hash, tenant));

    public Tenant? Find(ReadOnlySpan<byte> key)
    {
        if (_byHash.Count == 0 || key.Length is 0 or > MostBytes) return null;
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(key, hash);
        return _byHash.TryGetValue(BinaryPrimitives.ReadUInt128LittleEndian(hash), out (byte[] Hash, Tenant Tenant) found) && CryptographicOperations.FixedTimeEquals(found.Hash, hash)
            ? found.Tenant
            : null;
    }
}
