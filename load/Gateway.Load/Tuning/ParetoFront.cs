using Gateway.Load.Results;

namespace Gateway.Load.Tuning;

/// <summary>Marks the settings than which no other is better in both throughput and latency.</summary>
internal static class ParetoFront
{
    // Answers that are fast because others had none are no better.
    private const double MostMissed = 0.01;

    public static IReadOnlyList<TunePoint> Mark(IReadOnlyList<TunePoint> points) => [.. points.Select(point => point with { IsBest = IsMeasured(point) && !points.Any(other => IsBetter(other, point)) })];

    private static bool IsMeasured(TunePoint point) => point.Problem is null && point.MissShare <= MostMissed;

    private static bool IsBetter(TunePoint other, TunePoint point) =>
        IsMeasured(other) && other.Throughput >= point.Throughput && other.P99Milliseconds <= point.P99Milliseconds
        && (other.Throughput > point.Throughput || other.P99Milliseconds < point.P99Milliseconds);
}
