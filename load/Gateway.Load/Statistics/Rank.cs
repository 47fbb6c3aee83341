namespace Gateway.Load.Statistics;

/// <summary>Which of so many values a percentile is.</summary>
internal static class Rank
{
    /// <summary>The least number of values that are as large a share of all, from 0.</summary>
    /// <param name="share">From 0 to 1, with as many digits as people write: 0.999.</param>
    /// <param name="count">Of all, at least 0.</param>
    /// <remarks>In decimals: in binary 0.07 × 100 is a little more than 7, and 8 of 100 would be asked for.</remarks>
    public static long Of(double share, long count) => (long)decimal.Ceiling((decimal)share * count);
}
