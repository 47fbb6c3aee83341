using Gateway.Load.Results;

namespace Gateway.Load.Tuning;

/// <summary>Marks the settings than which no other is better in both throughput and latency.</summary>
internal static class ParetoFront
{
    public static IReadOnlyList<TunePoint> Mark(IReadOnlyList<TunePoint> points) => [.. points.Select(point => point with { IsBest = point.Problem is null && !points.Any(other => IsBetter(other, point)) })];

    private static bool IsBetter(TunePoint other, TunePoint point) =>
        other.Problem is null && other.Throughput >= point.Throughput && other.P99Milliseconds <= point.P99Milliseconds
        && (other.Throughput > point.Throughput || other.P99Milliseconds < point.P99Milliseconds);
}
