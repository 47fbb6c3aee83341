using Gateway.Load.Results;
using Gateway.Load.Statistics;

namespace Gateway.Load.Capacity;

/// <summary>What a rate must hold: such a share of all calls offered answered within such a time. Refused, failed and unsent calls are misses.</summary>
/// <param name="Share">Such as 0.99.</param>
internal sealed record Objective(double Share, double Seconds)
{
    // A server that answers fewer than come is filling a queue, which a short trial may not see in the latencies.
    private const double LeastThroughputShare = 0.95;

    // Standard errors: of 95 %, and of what never happens by chance.
    private const double Confidence = 1.96;
    private const double Certainty = 4;

    public bool Holds(ScenarioResult result) =>
        result.Offered > 0
        && result.Latency.CountWithin(Seconds * 1e9) >= Rank.Of(Share, result.Offered)
        && result.AnsweredInWindow >= (LeastThroughputShare * result.Offered) - Chance(result);

    /// <summary>The objective's percentile of all calls, those without an answer counted as slowest, in milliseconds; infinite where too many have none.</summary>
    public double Milliseconds(ScenarioResult result) => result.NanosecondsAtRank(Rank.Of(Share, result.Offered)) / 1e6;

    /// <summary>Between which the percentile lies with 95 % of certainty, in milliseconds: order statistics of as many independent calls. Infinite beyond those that were answered.</summary>
    public (double Least, double Most) Interval(ScenarioResult result)
    {
        double error = Confidence * Math.Sqrt(result.Offered * Share * (1 - Share));
        return (result.NanosecondsAtRank(Math.Max(1, (Share * result.Offered) - error)) / 1e6, result.NanosecondsAtRank((Share * result.Offered) + error) / 1e6);
    }

    /// <summary>Calls that missed it so far: late, refused or failed.</summary>
    public long Misses(IEnumerable<IntervalTally> intervals) =>
        intervals.Sum(interval => interval.Answered - interval.Latency.CountWithin(Seconds * 1e9) + interval.Refused + interval.Failed);

    /// <summary>By how many calls those under way at the end may exceed those at the start though no queue grows: the objective's worth of random arrivals at each.</summary>
    private double Chance(ScenarioResult result) => Certainty * Math.Sqrt(2 * result.Offered * Math.Min(1, Seconds / Math.Max(1e-9, result.Seconds)));
}
