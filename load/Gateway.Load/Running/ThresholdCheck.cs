using Gateway.Load.Results;
using Gateway.Load.Scenarios;
using Gateway.Load.Statistics;

namespace Gateway.Load.Running;

/// <summary>Holds thresholds against results.</summary>
internal static class ThresholdCheck
{
    public static ThresholdResult Check(Threshold threshold, ScenarioResult result)
    {
        LatencyHistogram latency = result.Latency.ToHistogram();
        double value = threshold.Metric switch
        {
            "mean" => latency.Mean / 1e9,
            "max" => latency.Max / 1e9,
            "errors" => result.ErrorShare,
            "refused" => result.RefusedShare,
            "late" => result.LateShare,
            "wrong" => result.WrongShare,
            "throughput" => result.Throughput,
            "goodput" => result.Goodput,
            _ => latency.Nanoseconds(threshold.Percentile) / 1e9,
        };

        // No answer has no latency, which is not a short one.
        bool isUnknown = latency.Count == 0 && (threshold.Metric is "mean" or "max" || threshold.Percentile > 0);
        return new ThresholdResult(result.Name, threshold.Text, isUnknown ? "no answers" : threshold.Format(value), !isUnknown && threshold.Holds(value));
    }
}
