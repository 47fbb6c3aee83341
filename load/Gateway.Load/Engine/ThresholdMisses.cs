using Gateway.Load.Scenarios;
using Gateway.Load.Statistics;

namespace Gateway.Load.Engine;

/// <summary>Counts what speaks against a threshold (see <see cref="Threshold.IsLost"/>).</summary>
internal static class ThresholdMisses
{
    /// <summary>Of the calls due after the warm-up, as far as they have ended.</summary>
    public static long Of(Threshold threshold, WorkerTally tally) => threshold.Metric switch
    {
        "errors" => tally.Failed + tally.NotSent,
        "refused" => tally.Refused,
        "late" => tally.Answered - tally.InTime,
        "wrong" => tally.Wrong,

        // A call without an answer is later than any limit.
        _ => tally.Failed + tally.NotSent + Late(threshold, tally.Latency),
    };

    private static long Late(Threshold threshold, LatencyHistogram latency) => threshold.Metric switch
    {
        // A percentile is the middle of a bucket, and never above the largest value: where that is good no latency is a miss.
        _ when threshold.Holds(latency.Max / 1e9) => 0,
        "max" => 1,
        _ => latency.Count - latency.CountWithin(threshold.Operator == "<" ? Math.BitDecrement(threshold.Limit * 1e9) : threshold.Limit * 1e9),
    };
}
