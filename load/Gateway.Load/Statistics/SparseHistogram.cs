using System.Text.Json.Serialization;

namespace Gateway.Load.Statistics;

/// <summary>A histogram as it is written down: the buckets that hold something, and how much.</summary>
internal sealed record SparseHistogram
{
    public static SparseHistogram Empty { get; } = new() { Buckets = [], Counts = [] };

    /// <summary>Numbers of buckets (see <see cref="LatencyHistogram.MiddleOf"/>), ascending.</summary>
    public required int[] Buckets { get; init; }

    /// <summary>As many counts.</summary>
    public required long[] Counts { get; init; }

    public long Count { get; init; }

    /// <summary>Of all values, in nanoseconds.</summary>
    public double Sum { get; init; }

    /// <summary>In nanoseconds.</summary>
    public long Max { get; init; }

    /// <summary>Whether a file brought one that can be used.</summary>
    [JsonIgnore]
    public bool IsValid
    {
        get
        {
            if (Buckets is null || Counts is null || Buckets.Length != Counts.Length || Max < 0) return false;
            long sum = 0;
            for (int i = 0; i < Buckets.Length; i++)
            {
                if (Buckets[i] < 0 || Buckets[i] >= LatencyHistogram.Buckets || Counts[i] <= 0 || (i > 0 && Buckets[i] <= Buckets[i - 1])) return false;
                sum += Counts[i];
            }

            return sum == Count;
        }
    }

    public SparseHistogram Plus(SparseHistogram other)
    {
        LatencyHistogram both = ToHistogram();
        both.Add(other);
        return both.ToSparse();
    }

    /// <summary>As <see cref="LatencyHistogram.CountWithin"/>.</summary>
    public long CountWithin(double nanoseconds)
    {
        long seen = 0;
        for (int i = 0; i < Buckets.Length && LatencyHistogram.MiddleOf(Buckets[i]) <= nanoseconds; i++) seen += Counts[i];
        return seen;
    }

    public LatencyHistogram ToHistogram()
    {
        LatencyHistogram histogram = new();
        histogram.Add(this);
        return histogram;
    }
}
