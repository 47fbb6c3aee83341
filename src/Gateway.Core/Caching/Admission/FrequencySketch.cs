using System.Numerics;
using System.Runtime.InteropServices;

namespace Gateway.Core.Caching.Admission;

/// <summary>Tells about how often a key was asked for lately, in a byte or so for each key: TinyLFU's count-min sketch.</summary>
/// <remarks>
/// <b>Behaviour</b>: four counters a key, all in one cache line; the least of them is the estimate, which others' counts can only raise. When as many keys were
/// counted as the window is long, all counters are halved: what was popular long ago is forgotten. <b>Threading</b>: any; counts lost to races are few, and only
/// lower an estimate. <b>Cost</b>: one cache line a key; now and then a pass over all counters, at memory's speed.
/// </remarks>
internal sealed class FrequencySketch
{
    private const int LineBytes = 64;
    private const byte Most = 15;

    // As in TinyLFU: ten times what the cache holds. Half of the counters are for that many keys at four counters each.
    private const int CountersAKey = 8;
    private const int WindowInCacheSizes = 10;

    private readonly byte[] _counters;
    private readonly ulong _lineMask;
    private readonly int _window;
    private int _counted;

    /// <param name="entries">How many entries the cache may hold, about.</param>
    public FrequencySketch(long entries)
    {
        int lines = (int)BitOperations.RoundUpToPowerOf2((ulong)Math.Clamp(entries * CountersAKey / LineBytes, 64, 1 << 18));
        _counters = new byte[lines * LineBytes];
        _lineMask = (ulong)lines - 1;
        _window = (int)Math.Min(int.MaxValue, (long)_counters.Length / CountersAKey * WindowInCacheSizes);
    }

    /// <summary>Counts a key.</summary>
    /// <param name="bits">Random bits of it.</param>
    /// <returns>About how often it was counted lately, this time included: 1 to 15.</returns>
    public int Count(ulong bits)
    {
        Span<byte> line = LineOf(bits);
        int least = Most;
        for (int i = 0; i < 4; i++) least = Math.Min(least, line[Place(bits, i)]);
        if (least < Most)
        {
            // Only those that are the least: the others are others' counts.
            for (int i = 0; i < 4; i++)
            {
                ref byte counter = ref line[Place(bits, i)];
                if (counter == least) counter++;
            }

            least++;
        }

        if (Interlocked.Increment(ref _counted) == _window) Halve();
        return least;
    }

    private static int Place(ulong bits, int which) => (16 * which) + (int)((bits >> (4 * which)) & 15);

    private Span<byte> LineOf(ulong bits) => MemoryMarshal.CreateSpan(ref _counters[(int)((bits >> 20) & _lineMask) * LineBytes], LineBytes);

    private void Halve()
    {
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(_counters.AsSpan());
        for (int i = 0; i < words.Length; i++) words[i] = (words[i] >> 1) & 0x0707_0707_0707_0707;
        Volatile.Write(ref _counted, 0);
    }
}
