using FASTER.core;

namespace Gateway.Faster;

/// <summary>A key as FASTER has it: 16 random bytes, of which eight are as good a hash as any.</summary>
internal struct StoreKey
{
    public ulong Low;
    public ulong High;

    public StoreKey(UInt128 hash)
    {
        Low = (ulong)hash;
        High = (ulong)(hash >> 64);
    }

    internal sealed class Comparer : IFasterEqualityComparer<StoreKey>
    {
        public long GetHashCode64(ref StoreKey k) => (long)k.Low;

        public bool Equals(ref StoreKey k1, ref StoreKey k2) => k1.Low == k2.Low && k1.High == k2.High;
    }
}
