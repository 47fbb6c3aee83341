using System.Text.Json.Serialization;
using Gateway.Load.Statistics;

namespace Gateway.Load.Results;

/// <summary>What a scenario came to. Counts are of calls due after the warm-up; histograms can be merged, so results of several processes can.</summary>
internal sealed record ScenarioResult
{
    public required string Name { get; init; }

    public required string Target { get; init; }

    public required string Carrier { get; init; }

    public required IReadOnlyList<string> Steps { get; init; }

    /// <summary>That it asks; an empty name for a plain target. None in reports that do not say.</summary>
    public IReadOnlyList<string> Models { get; init; } = [];

    public required IReadOnlyList<string> Simulations { get; init; }

    /// <summary>Whether calls were due whatever became of those before.</summary>
    public bool IsOpen { get; init; }

    public double WarmUpSeconds { get; init; }

    /// <summary>The time that counts: from the end of the warm-up to the end of the last simulation, or to where the run was cut off.</summary>
    public double Seconds { get; init; }

    /// <summary>Of when calls were due; null in reports that do not say.</summary>
    public int? Seed { get; init; }

    /// <summary>0 for none.</summary>
    public double TimeoutMilliseconds { get; init; }

    public int Connections { get; init; }

    /// <summary>Most of them that there were at a time; 0 in reports that do not say.</summary>
    public int ConnectionsUp { get; init; }

    /// <summary>Calls that each of them may have at a time, as the server allows it; 0 in reports that do not say.</summary>
    public int Window { get; init; }

    public int Threads { get; init; }

    /// <summary>Most arrivals at one moment that one thread has to send.</summary>
    public int Burst { get; init; } = 1;

    public long Offered { get; init; }

    public long Answered { get; init; }

    public long InTime { get; init; }

    public long Refused { get; init; }

    /// <summary>Errors, broken connections, no answer; wrong answers too.</summary>
    public long Failed { get; init; }

    public long NotSent { get; init; }

    public long Retries { get; init; }

    public long Verified { get; init; }

    /// <summary>Answers among them that were compared with no earlier one, for they were the first for their payload or that one was not kept: with the model's metadata alone.</summary>
    public long VerifiedByShape { get; init; }

    public long Wrong { get; init; }

    /// <summary>Calls that had no answer when the run was stopped; they are in no other count.</summary>
    public long CutOff { get; init; }

    /// <summary>How long ago the oldest of them had been due.</summary>
    public double OldestCutOffSeconds { get; init; }

    /// <summary>Answers that came within the time that counts, whenever their calls were due.</summary>
    public long AnsweredInWindow { get; init; }

    public long InTimeInWindow { get; init; }

    /// <summary>Most calls that waited for a connection at a time, of one thread.</summary>
    public int MostWaiting { get; init; }

    /// <summary>Calls sent, warm-up and retries included.</summary>
    public long Sent { get; init; }

    /// <summary>CPU time of the threads that sent them.</summary>
    public double ClientCpuSeconds { get; init; }

    /// <summary>How busy the busiest of them was, 0 to 1.</summary>
    public double ClientBusy { get; init; }

    public required SparseHistogram Latency { get; init; }

    public required SparseHistogram Service { get; init; }

    public required SparseHistogram Refusals { get; init; }

    public required SparseHistogram Lag { get; init; }

    public required IReadOnlyList<SparseHistogram> StepLatencies { get; init; }

    public required IReadOnlyList<KindCount> Kinds { get; init; }

    public double IntervalSeconds { get; init; }

    public required IReadOnlyList<IntervalTally> Intervals { get; init; }

    /// <summary>What the client could do against a server that does nothing; null where it was not tried.</summary>
    public ProofResult? Proof { get; init; }

    [JsonIgnore]
    public double OfferedRate => PerSecond(Offered);

    [JsonIgnore]
    public double Throughput => PerSecond(AnsweredInWindow);

    [JsonIgnore]
    public double Goodput => PerSecond(InTimeInWindow);

    /// <summary>Of the calls offered: errors, wrong answers, broken connections, calls without an answer or never sent.</summary>
    [JsonIgnore]
    public double ErrorShare => Of(Failed + NotSent);

    [JsonIgnore]
    public double RefusedShare => Of(Refused);

    /// <summary>Of the calls offered: answered after the deadline.</summary>
    [JsonIgnore]
    public double LateShare => Of(Answered - InTime);

    [JsonIgnore]
    public double WrongShare => Of(Wrong);

    /// <summary>Calls that have no good answer though they were to have one: what percentiles of the answered leave out. A refusal is an answer of its own.</summary>
    [JsonIgnore]
    public long Unanswered => Failed + NotSent;

    [JsonIgnore]
    public double ClientCpuMicroseconds => Sent > 0 ? ClientCpuSeconds * 1e6 / Sent : 0;

    /// <summary>Within which time a share of the calls that were not refused were answered, in seconds; those without an answer are the slowest of all: infinite where they are among them, or nothing was answered.</summary>
    /// <param name="share">Above 0, at most 1.</param>
    public double SecondsWithin(double share) => NanosecondsAtRank(Rank.Of(share, Latency.Count + Unanswered)) / 1e9;

    /// <summary>What so many calls were answered within, in nanoseconds: infinite where fewer were.</summary>
    public double NanosecondsAtRank(double rank) =>
        Latency.Count > 0 && rank <= Latency.Count ? Latency.ToHistogram().AtRank((long)Math.Ceiling(rank)) : double.PositiveInfinity;

    private double PerSecond(long count) => Seconds > 0 ? count / Seconds : 0;

    private double Of(long count) => Offered > 0 ? (double)count / Offered : 0;
}
