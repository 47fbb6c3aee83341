using Gateway.Load.Results;
using Gateway.Load.Statistics;

namespace Gateway.Load.Capacity;

/// <summary>What a rate must hold: such a share of all calls offered answered within such a time. Refused, failed and unsent calls are misses.</summary>
/// <param name="Share">Such as 0.99.</param>
internal sealed record Objective(double Share, double Seconds)
{
    // A server that answers fewer than come is filling a queue, which a short trial may not see in the latencies.
    private const double LeastThroughputShare = 0.95;

    public bool Holds(ScenarioResult result) =>
        result.Offered > 0
        && result.Latency.CountWithin(Seconds * 1e9) >= Share * result.Offered
        && result.AnsweredInWindow >= LeastThroughputShare * result.Offered;

    /// <summary>The objective's percentile of all calls, those without an answer counted as slowest, in milliseconds; infinite where too many have none.</summary>
    public double Milliseconds(ScenarioResult result)
    {
        LatencyHistogram latency = result.Latency.ToHistogram();
        double share = latency.Count > 0 ? Share * result.Offered / latency.Count : double.PositiveInfinity;
        return share <= 1 ? latency.Nanoseconds(share) / 1e6 : double.PositiveInfinity;
    }

    /// <summary>Calls that missed it so far: late, refused or failed.</summary>
    public long Misses(IEnumerable<IntervalTally> intervals) =>
        intervals.Sum(interval => interval.Answered - interval.Latency.CountWithin(Seconds * 1e9) + interval.Refused + interval.Failed);
}
