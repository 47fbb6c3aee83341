using System.Numerics;

namespace Gateway.Harness.Load;

/// <summary>Counts latencies in buckets of 0.4 % of their value: exact enough to tell 25 µs, and no allocation while it counts.</summary>
/// <remarks><b>Threading</b>: one thread.</remarks>
internal sealed class LatencyHistogram
{
    // 256 buckets an octave: a bucket is at most 1/256 of its value wide.
    private const int BitsPerOctave = 8;
    private const int BucketsPerOctave = 1 << BitsPerOctave;

    private readonly long[] _counts = new long[(64 - BitsPerOctave) * BucketsPerOctave];

    public long Count { get; private set; }

    /// <param name="nanoseconds">At least 0.</param>
    public void Record(long nanoseconds)
    {
        _counts[BucketOf(nanoseconds)]++;
        Count++;
    }

    /// <summary>Adds what another one has counted.</summary>
    public void Add(LatencyHistogram other)
    {
        for (int i = 0; i < _counts.Length; i++) _counts[i] += other._counts[i];
        Count += other.Count;
    }

    /// <summary>The latency that a share of all stay within, in microseconds; 0 when there are none.</summary>
    /// <param name="share">Above 0, at most 1: 0.5 for the median.</param>
    public double Microseconds(double share)
    {
        long wanted = (long)Math.Ceiling(share * Count);
        long seen = 0;
        for (int i = 0; i < _counts.Length && wanted > 0; i++)
        {
            seen += _counts[i];
            if (seen >= wanted) return MiddleOf(i) / 1000.0;
        }

        return 0;
    }

    private static int BucketOf(long value)
    {
        int octave = Math.Max(0, BitOperations.Log2((ulong)value | 1) - BitsPerOctave);
        return (octave << BitsPerOctave) + (int)(value >> octave);
    }

    private static double MiddleOf(int bucket)
    {
        // The first octave holds twice as many: all values below 512 ns stand for themselves.
        int octave = Math.Max(0, (bucket >> BitsPerOctave) - 1);
        long low = (long)(bucket - (octave << BitsPerOctave)) << octave;
        return low + (((1L << octave) - 1) / 2.0);
    }
}
