using Gateway.Core.Overflow.Reports;

namespace Gateway.Core.Overflow;

/// <summary>Decides where a request is served: here, by a replica, or nowhere.</summary>
/// <remarks>
/// <para>
/// <b>Behaviour</b>: pure; chance comes in as a number. The signal is the predicted completion that each owner of a queue computes for itself, not requests in flight: a full
/// replica refuses fast, so of those it has the fewest. Of the replicas that can meet the deadline two are drawn, and the better one gets the request ("filter, then
/// the power of two choices"). A request stays here unless it would miss its deadline, or a replica would answer in half the time. One that was forwarded never is again.
/// The constants were found by simulation; the simulation of the project's own holds what they are to achieve.
/// </para>
/// <para><b>Cost</b>: under two microseconds for <see cref="MostCandidates"/>; no allocation.</para>
/// </remarks>
public static class OverflowPolicy
{
    /// <summary>Most replicas looked at for a request: with more, each gateway watches a part.</summary>
    public const int MostCandidates = 20;

    /// <summary>Most times that one request is sent.</summary>
    public const int MostAttempts = 3;

    /// <summary>Share of the remaining time in which an answer must be promised.</summary>
    public const double DeadlineMargin = 0.85;

    // What is forwarded must fit more easily than what is served where it came, or the two displace each other; the receiver asks for a little less than the sender, or
    // what is on the edge would be sent and refused.
    private const double ForwardedMargin = 0.90;
    private const double ReceiverMargin = 0.95;
    private const long ReceiverReserve = 300;

    // Forwarded early only where the answer comes in half the time.
    private const double Hysteresis = 0.5;

    private const long LeastHopTimeout = 30_000;
    private const long HopTimeoutReserve = 10_000;

    // So long a hop is waited for where that costs the request nothing, as it would still be in time here: what a replica takes that is slow for a moment.
    private const long FreeHopTimeout = 150_000;
    private const long LastHopTimeout = 30_000_000;
    private const long LeastRetryAfter = 50_000;
    private const long MostRetryAfter = 5_000_000;

    /// <param name="candidates">The replicas, at most <see cref="MostCandidates"/>.</param>
    /// <param name="maximumAge">Microseconds after which a report says nothing any more: unknown is not idle.</param>
    /// <param name="random">64 random bits.</param>
    public static OverflowDecision Decide(in OverflowQuestion question, ReadOnlySpan<OverflowCandidate> candidates, long maximumAge, ulong random)
    {
        if (StaysHere(question)) return Local;
        if (question.IsForwarded) return Refuse(question, candidates, maximumAge, random);
        bool isGoodHere = IsGoodHere(question);
        if (question.Attempt < MostAttempts && (question.Attempt == 0 || question.HasToken))
        {
            double limit = ForwardedLimit(question);
            if (isGoodHere) limit = Math.Min(limit, Hysteresis * question.Local);
            if (Choose(question, candidates, maximumAge, limit, random) is { Kind: OverflowKind.Forward } forward) return forward;
        }

        return isGoodHere ? Local : Refuse(question, candidates, maximumAge, random);
    }

    /// <summary>Whether the decision is to serve it here, whatever the replicas say: so it is for nearly all requests while the load is even.</summary>
    public static bool StaysHere(in OverflowQuestion question)
    {
        if (question.IsForwarded)
        {
            return CanServe(question) && question.Local <= DeadlineMargin * Math.Min(ReceiverMargin * (question.Remaining - ReceiverReserve), question.Patience - ReceiverReserve);
        }

        // After a refusal or a failure elsewhere there is no second thought about here.
        return IsGoodHere(question) && (question.Attempt > 0 || question.Local < question.Floor);
    }

    /// <summary>What a candidate is expected to take, the way there and back included; <see cref="OverflowQuestion.Never"/> for one that is no candidate.</summary>
    /// <remarks>Own requests that it has not counted are added to its report: of the others it has reported.</remarks>
    public static long Expect(in OverflowCandidate candidate, long maximumAge, long hop)
    {
        if (candidate.State != ReplicaState.Serving || candidate.Age > maximumAge || candidate.Weight <= 0 || candidate.Completion >= uint.MaxValue) return OverflowQuestion.Never;
        return candidate.Completion + (candidate.Unreported * candidate.RowNanoseconds / 1000) + hop;
    }

    /// <summary>What a replica must promise.</summary>
    internal static double ForwardedLimit(in OverflowQuestion question) => DeadlineMargin * ForwardedMargin * question.Remaining;

    /// <summary>Whether it would be answered here in time.</summary>
    internal static bool IsGoodHere(in OverflowQuestion question) => CanServe(question) && question.Local <= DeadlineMargin * question.Remaining;

    /// <param name="hasAlternative">Whether there is somewhere else to try when no answer comes; else the time of the hop is all that there is.</param>
    internal static OverflowDecision Forward(in OverflowQuestion question, int candidate, long expected, bool hasAlternative)
    {
        long patience = hasAlternative ? Math.Max(LeastHopTimeout, (2 * expected) + HopTimeoutReserve) : Math.Max(LastHopTimeout, 2 * expected);
        if (IsGoodHere(question)) patience = Math.Max(patience, FreeWait(question));
        return new OverflowDecision(OverflowKind.Forward, candidate, expected, Math.Min(question.Remaining, patience));
    }

    /// <summary>The same, with the time that a replica is given that is tried whether it is well again: half of what there is, if there is no time to spare.</summary>
    internal static OverflowDecision WaitLonger(in OverflowDecision forward, in OverflowQuestion question) =>
        forward with { HopTimeout = Math.Max(forward.HopTimeout, IsGoodHere(question) ? FreeWait(question) : Math.Min(FreeHopTimeout, question.Remaining / 2)) };

    // Half of the time until it would have to be begun with here: by then others may wait here that came back, too.
    private static long FreeWait(in OverflowQuestion question) =>
        question.Remaining == OverflowQuestion.Never ? FreeHopTimeout : Math.Min(FreeHopTimeout, (question.Remaining - (long)(question.Local / DeadlineMargin)) / 2);

    internal static OverflowDecision Refuse(in OverflowQuestion question, ReadOnlySpan<OverflowCandidate> candidates, long maximumAge, ulong random)
    {
        long best = question.Local;
        foreach (ref readonly OverflowCandidate candidate in candidates) best = Math.Min(best, Expect(candidate, maximumAge, question.Hop));

        // When somebody would meet the deadline again; with jitter, so that those refused together do not come back together.
        double wait = best == OverflowQuestion.Never || question.Remaining == OverflowQuestion.Never ? LeastRetryAfter : best - (DeadlineMargin * question.Remaining);
        double jitter = 0.5 + ((random >> 11) * (1.0 / (1UL << 53)));
        return new OverflowDecision(OverflowKind.Refuse, RetryAfter: (long)(Math.Clamp(wait, LeastRetryAfter, MostRetryAfter) * jitter));
    }

    private static OverflowDecision Local => new(OverflowKind.Local);

    private static bool CanServe(in OverflowQuestion question) => question is { IsServing: true, HasRoom: true, Local: < OverflowQuestion.Never };

    private static OverflowDecision Choose(in OverflowQuestion question, ReadOnlySpan<OverflowCandidate> candidates, long maximumAge, double limit, ulong random)
    {
        Span<long> expected = stackalloc long[MostCandidates];
        if (candidates.Length > MostCandidates) candidates = candidates[..MostCandidates];
        long total = Filter(question, candidates, maximumAge, limit, expected, isNear: true);
        if (total == 0) total = Filter(question, candidates, maximumAge, limit, expected, isNear: false);
        if (total == 0) return default;
        int first = Draw(candidates, expected, total, (uint)random);
        long rest = total - candidates[first].Weight;
        int best = first;
        if (rest > 0)
        {
            long kept = expected[first];
            expected[first] = OverflowQuestion.Never;
            int second = Draw(candidates, expected, rest, (uint)(random >> 32));
            expected[first] = kept;
            if (expected[second] < kept) best = second;
        }

        return Forward(question, best, expected[best], rest > 0 || IsGoodHere(question));
    }

    /// <summary>Notes down what the feasible candidates are expected to take.</summary>
    /// <returns>The sum of their weights.</returns>
    private static long Filter(in OverflowQuestion question, ReadOnlySpan<OverflowCandidate> candidates, long maximumAge, double limit, Span<long> expected, bool isNear)
    {
        long total = 0;
        for (int i = 0; i < candidates.Length; i++)
        {
            ref readonly OverflowCandidate candidate = ref candidates[i];
            expected[i] = OverflowQuestion.Never;
            if (candidate.IsTried || !candidate.IsAdmitted || (isNear && !candidate.IsNear)) continue;
            long time = Expect(candidate, maximumAge, question.Hop);
            if (time == OverflowQuestion.Never || time > limit) continue;
            expected[i] = time;
            total += candidate.Weight;
        }

        return total;
    }

    private static int Draw(ReadOnlySpan<OverflowCandidate> candidates, ReadOnlySpan<long> expected, long total, uint random)
    {
        long left = (long)Math.BigMul((ulong)random << 32, (ulong)total, out _);
        int last = 0;
        for (int i = 0; i < candidates.Length; i++)
        {
            if (expected[i] == OverflowQuestion.Never) continue;
            last = i;
            left -= candidates[i].Weight;
            if (left < 0) break;
        }

        return last;
    }
}
