using Gateway.Load.Results;
using Gateway.Load.Scenarios;

namespace Gateway.Load.Running;

/// <summary>Holds thresholds against results.</summary>
internal static class ThresholdCheck
{
    public static ThresholdResult Check(Threshold threshold, ScenarioResult result)
    {
        double value = threshold.Metric switch
        {
            "mean" => result.Latency.Count > 0 ? result.Latency.Sum / result.Latency.Count / 1e9 : double.PositiveInfinity,
            "max" => result.SecondsWithin(1),
            "errors" => result.ErrorShare,
            "refused" => result.RefusedShare,
            "late" => result.LateShare,
            "wrong" => result.WrongShare,
            "throughput" => result.Throughput,
            "goodput" => result.Goodput,
            _ => result.SecondsWithin(threshold.Percentile),
        };

        // No answer has no latency, which is not a short one.
        bool isNone = double.IsPositiveInfinity(value);
        string text = !isNone ? threshold.Format(value) : result.Latency.Count == 0 ? "no answers" : "beyond all answers";
        return new ThresholdResult(result.Name, threshold.Text, text, !isNone && threshold.Holds(value));
    }
}
