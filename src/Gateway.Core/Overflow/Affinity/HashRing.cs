namespace Gateway.Core.Overflow.Affinity;

/// <summary>Which replica keeps the answer to a request: the next one on a ring from the request's hash on, and who comes after it.</summary>
/// <remarks>
/// <b>Behaviour</b>: all who know the same addresses, in whatever order, find the same owners; one address more or less moves its own keys alone. <b>Threading</b>: any, it does not
/// change. <b>Cost</b>: a binary search and a walk; no allocation.
/// </remarks>
public sealed class HashRing
{
    // So many that the largest share is a fifth over the mean, and few enough that the ring of twenty is built in a fraction of a millisecond.
    private const int VirtualNodes = 100;

    private readonly ulong[] _points;
    private readonly byte[] _owners;

    /// <param name="members">Addresses, at most <see cref="OverflowPolicy.MostCandidates"/>, each once.</param>
    public HashRing(IReadOnlyList<string> members)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(members.Count, OverflowPolicy.MostCandidates);
        Count = members.Count;
        _points = new ulong[Count * VirtualNodes];
        _owners = new byte[_points.Length];
        for (int i = 0; i < _points.Length; i++)
        {
            _owners[i] = (byte)(i / VirtualNodes);
            _points[i] = Mix(Hash(members[i / VirtualNodes]) + ((ulong)(i % VirtualNodes) * 0x9E3779B97F4A7C15));
        }

        Array.Sort(_points, _owners);
    }

    /// <summary>Members.</summary>
    public int Count { get; }

    /// <summary>Finds the owner of a key, and those that come after it, each once.</summary>
    /// <param name="key">A hash; it need not be a good one.</param>
    /// <param name="into">Gets their places among the members, the owner's first.</param>
    /// <returns>How many there are: as many as fit, or all.</returns>
    public int Find(ulong key, Span<int> into)
    {
        int most = Math.Min(into.Length, Count);
        int at = Array.BinarySearch(_points, Mix(key));
        if (at < 0) at = ~at;
        uint found = 0;
        int count = 0;
        for (; count < most; at++)
        {
            int owner = _owners[at % _owners.Length];
            if ((found & (1u << owner)) != 0) continue;
            found |= 1u << owner;
            into[count++] = owner;
        }

        return count;
    }

    // FNV-1a of the characters: the same in all processes, which the hash of a string is not.
    private static ulong Hash(string text)
    {
        ulong hash = 14695981039346656037;
        foreach (char each in text) hash = (hash ^ each) * 1099511628211;
        return hash;
    }

    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
