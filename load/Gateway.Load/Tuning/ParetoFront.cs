using Gateway.Load.Results;

namespace Gateway.Load.Tuning;

/// <summary>Marks the settings than which no other is better in both throughput and latency, and those of which that is not sure.</summary>
internal static class ParetoFront
{
    // Answers that are fast because others had none are no better.
    private const double MostMissed = 0.01;

    public static IReadOnlyList<TunePoint> Mark(IReadOnlyList<TunePoint> points) =>
    [
        .. points.Select(point =>
        {
            TunePoint[] better = [.. points.Where(other => IsBetter(other, point))];
            return point with { IsBest = IsMeasured(point) && better.Length == 0, IsAsGood = IsMeasured(point) && better.Length > 0 && !better.Any(other => IsSurelyBetter(other, point)) };
        }),
    ];

    private static bool IsMeasured(TunePoint point) => point.Problem is null && point.MissShare <= MostMissed;

    private static bool IsBetter(TunePoint other, TunePoint point) =>
        IsMeasured(other) && other.Throughput >= point.Throughput && other.P99Milliseconds <= point.P99Milliseconds
        && (other.Throughput > point.Throughput || other.P99Milliseconds < point.P99Milliseconds);

    /// <summary>Of one that is better by its medians: whether in something all of its passes are better than all of the other's.</summary>
    private static bool IsSurelyBetter(TunePoint other, TunePoint point) => other.ThroughputLeast > point.ThroughputMost || other.P99MostMilliseconds < point.P99LeastMilliseconds;
}
