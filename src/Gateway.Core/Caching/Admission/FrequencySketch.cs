using System.Numerics;
using System.Runtime.InteropServices;

namespace Gateway.Core.Caching.Admission;

/// <summary>Tells about how often a key was asked for lately, in a byte or so for each key: TinyLFU's count-min sketch.</summary>
/// <remarks>
/// <b>Behaviour</b>: four counters a key, all in one cache line; the least of them is the estimate, which others' counts can only raise. While as many keys are
/// counted as the window is long, all counters are halved, a part at a time: what was popular long ago is forgotten. <b>Threading</b>: any; counts lost to races are few, and only
/// lower an estimate. <b>Cost</b>: one cache line a key; now and then a pass over a part of the counters, 64 KiB at most.
/// </remarks>
internal sealed class FrequencySketch
{
    private const int LineBytes = 64;
    private const byte Most = 15;

    // About as in TinyLFU: eight times what the cache holds, a power of two. Half of the counters are for that many keys at four counters each.
    private const int CountersAKey = 8;
    private const int WindowInCacheSizes = 8;

    private const int MostParts = 256;

    private readonly byte[] _counters;
    private readonly ulong _lineMask;
    private readonly int _parts;
    private readonly uint _step;
    private int _counted;

    /// <param name="entries">How many entries the cache may hold, about.</param>
    public FrequencySketch(long entries)
    {
        int lines = (int)BitOperations.RoundUpToPowerOf2((ulong)Math.Clamp(entries * CountersAKey / LineBytes, 64, 1 << 18));
        _counters = new byte[lines * LineBytes];
        _lineMask = (ulong)lines - 1;
        long window = (long)_counters.Length / CountersAKey * WindowInCacheSizes;
        _parts = Math.Min(MostParts, lines);
        _step = (uint)(window / _parts);
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

        uint counted = (uint)Interlocked.Increment(ref _counted);
        if ((counted & (_step - 1)) == 0) Halve((int)(counted / _step) & (_parts - 1));
        return least;
    }

    private static int Place(ulong bits, int which) => (16 * which) + (int)((bits >> (4 * which)) & 15);

    private Span<byte> LineOf(ulong bits) => MemoryMarshal.CreateSpan(ref _counters[(int)((bits >> 20) & _lineMask) * LineBytes], LineBytes);

    private void Halve(int part)
    {
        int bytes = _counters.Length / _parts;
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(_counters.AsSpan(part * bytes, bytes));
        for (int i = 0; i < words.Length; i++) words[i] = (words[i] >> 1) & 0x0707_0707_0707_0707;
    }
}
