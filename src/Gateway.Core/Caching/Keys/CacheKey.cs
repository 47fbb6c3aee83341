namespace Gateway.Core.Caching.Keys;

/// <summary>What a request is known by: two halves of one keyed digest of everything that its answer depends on.</summary>
/// <param name="Hash">Finds the entry.</param>
/// <param name="Check">Is kept in the entry and compared on a hit, so that two requests of one hash are told apart.</param>
internal readonly record struct CacheKey(UInt128 Hash, UInt128 Check)
{
    public override int GetHashCode() => (int)(ulong)Hash;

    /// <summary>A number for sketches and shards; the bits of <see cref="GetHashCode"/> are not among its upper ones.</summary>
    public ulong Bits => (ulong)(Hash >> 64);
}
