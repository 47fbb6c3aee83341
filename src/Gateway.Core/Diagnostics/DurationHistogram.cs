using System.Numerics;

namespace Gateway.Core.Diagnostics;

/// <summary>Counts durations in buckets that double from 1 µs to 8.4 s.</summary>
/// <remarks><b>Threading</b>: its owner's lock. <b>Cost</b>: two additions and a bit scan a sample.</remarks>
public sealed class DurationHistogram
{
    /// <summary>Bounded buckets: bucket <i>i</i> counts what is at most 2^<i>i</i> µs and no less; one more counts the rest.</summary>
    public const int Bounds = 24;

    private readonly long[] _counts = new long[Bounds + 1];

    /// <summary>All samples together.</summary>
    public long TotalNanoseconds { get; private set; }

    public long Count { get; private set; }

    /// <summary>Samples of each bucket, not cumulative.</summary>
    public ReadOnlySpan<long> Counts => _counts;

    /// <summary>Upper bound of a bucket, in seconds.</summary>
    public static double BoundSeconds(int bucket) => (1L << bucket) / 1e6;

    public void Add(long nanoseconds)
    {
        nanoseconds = Math.Max(0, nanoseconds);
        long microseconds = (nanoseconds + 999) / 1000;
        int bucket = microseconds <= 1 ? 0 : BitOperations.Log2((ulong)(microseconds - 1)) + 1;
        _counts[Math.Min(bucket, Bounds)]++;
        TotalNanoseconds += nanoseconds;
        Count++;
    }

    /// <summary>Makes another one say the same.</summary>
    public void CopyTo(DurationHistogram other)
    {
        _counts.CopyTo(other._counts, 0);
        other.TotalNanoseconds = TotalNanoseconds;
        other.Count = Count;
    }
}
