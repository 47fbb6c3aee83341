using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Gateway.Core.Caching.Admission;

/// <summary>Tells about how often a key was asked for lately, in a byte or so for each key: TinyLFU's count-min sketch.</summary>
/// <remarks>
/// <b>Behaviour</b>: four counters a key, all in one cache line; the least of them is the estimate, which others' counts can only raise. A key that comes for the first time is only noted (TinyLFU's doorkeeper,
/// a Bloom filter in the same line): else those that come once would raise all counters. While as many keys are
/// counted as the window is long, all counters are halved and what is noted is forgotten, a part at a time: what was popular long ago is forgotten. <b>Threading</b>: any; counts lost to races are few, and only
/// lower an estimate. <b>Cost</b>: one cache line a key; now and then a pass over a part of the counters, 64 KiB at most.
/// </remarks>
internal sealed class FrequencySketch
{
    private const int LineBytes = 64;

    // A counter is the lower half of a byte, and four bits of the filter are the upper half.
    private const byte Most = 15;
    private const int Notes = 3;

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

    /// <summary>Has the line of a key that is to be counted soon fetched meanwhile.</summary>
    public unsafe void Expect(ulong bits)
    {
        // Only a hint: an array that is moved meanwhile makes it a useless one.
        if (Sse.IsSupported) Sse.Prefetch0(Unsafe.AsPointer(ref MemoryMarshal.GetReference(LineOf(bits))));
    }

    /// <summary>Counts a key.</summary>
    /// <param name="bits">Random bits of it.</param>
    /// <returns>About how often it was counted lately, this time included: 1 to 15.</returns>
    public int Count(ulong bits)
    {
        Span<byte> line = LineOf(bits);
        int times = 1 + (IsNoted(line, bits) ? Raise(line, bits) : Least(line, bits));
        uint counted = (uint)Interlocked.Increment(ref _counted);
        if ((counted & (_step - 1)) == 0) Halve((int)(counted / _step) & (_parts - 1));
        return Math.Min(times, Most);
    }

    /// <summary>Notes a key down.</summary>
    /// <returns>Whether it was noted before.</returns>
    private static bool IsNoted(Span<byte> line, ulong bits)
    {
        bool isNoted = true;
        for (int i = 0; i < Notes; i++)
        {
            int note = (int)(bits >> (40 + (8 * i))) & 255;
            byte bit = (byte)(16 << (note & 3));
            isNoted &= (line[note >> 2] & bit) != 0;
            line[note >> 2] |= bit;
        }

        return isNoted;
    }

    /// <returns>What the least of a key's counters has become.</returns>
    private static int Raise(Span<byte> line, ulong bits)
    {
        int least = Least(line, bits);
        if (least == Most) return least;

        // Only those that are the least: the others are others' counts.
        for (int i = 0; i < 4; i++)
        {
            ref byte counter = ref line[Place(bits, i)];
            if ((counter & Most) == least) counter++;
        }

        return least + 1;
    }

    private static int Least(Span<byte> line, ulong bits)
    {
        int least = Most;
        for (int i = 0; i < 4; i++) least = Math.Min(least, line[Place(bits, i)] & Most);
        return least;
    }

    private static int Place(ulong bits, int which) => (16 * which) + (int)((bits >> (4 * which)) & 15);

    private Span<byte> LineOf(ulong bits) => MemoryMarshal.CreateSpan(ref _counters[(int)((bits >> 20) & _lineMask) * LineBytes], LineBytes);

    private void Halve(int part)
    {
        int bytes = _counters.Length / _parts;
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(_counters.AsSpan(part * bytes, bytes));

        // Without the upper halves: what is noted is forgotten.
        for (int i = 0; i < words.Length; i++) words[i] = (words[i] >> 1) & 0x0707_0707_0707_0707;
    }
}
