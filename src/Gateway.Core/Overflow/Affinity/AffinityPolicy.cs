namespace Gateway.Core.Overflow.Affinity;

/// <summary>Decides where a request that no cache here has the answer to is served, where each answer is to be kept by one replica.</summary>
/// <remarks>
/// <para>
/// <b>Behaviour</b>: pure. The owner gets it while it is not busy, else one of the two after it on the ring, else the owner all the same, else nobody. Only while none of them is
/// reachable is it served where it came: whoever spreads misses by load instead fills all caches with the same answers, the hit ratio falls, and the load stays for good,
/// which the simulation shows. Those that are out are left out, not taken off the ring.
/// </para>
/// <para><b>Cost</b>: that of <see cref="OverflowPolicy"/>; no allocation.</para>
/// </remarks>
public static class AffinityPolicy
{
    // The owner and two successors.
    private const int MostOwners = 3;

    // Beyond this an owner is busy, in microseconds: two full batches of the model that it was simulated with.
    private const long BusyTime = 40_000;

    /// <param name="inRingOrder">The members of the ring, the key's owner first.</param>
    /// <param name="self">The place of this gateway among them; -1 for none.</param>
    /// <param name="maximumAge">Microseconds after which a report says nothing any more.</param>
    /// <param name="random">64 random bits.</param>
    public static OverflowDecision Decide(in OverflowQuestion question, ReadOnlySpan<OverflowCandidate> inRingOrder, int self, long maximumAge, ulong random)
    {
        bool mayGo = question.Attempt < OverflowPolicy.MostAttempts && (question.Attempt == 0 || question.HasToken);
        if (question.IsForwarded) return OverflowPolicy.Decide(question, [], maximumAge, random);
        double limit = OverflowPolicy.ForwardedLimit(question);
        int owners = 0;
        int first = -1;
        long firstTime = OverflowQuestion.Never;
        for (int i = 0; i < inRingOrder.Length && owners < MostOwners; i++)
        {
            long time = Expect(question, inRingOrder[i], i == self, maximumAge);
            if (time == OverflowQuestion.Never) continue;
            owners++;

            // One that has refused it, or has not answered, is an owner still: what it cannot do the next may, but not just anybody.
            bool isOpen = i == self ? OverflowPolicy.IsGoodHere(question) : mayGo && !inRingOrder[i].IsTried && time <= limit;
            if (!isOpen) continue;
            if (time <= BusyTime) return Choose(question, i, self, time);
            if (first >= 0) continue;
            first = i;
            firstTime = time;
        }

        if (first >= 0) return Choose(question, first, self, firstTime);
        return owners == 0 && OverflowPolicy.IsGoodHere(question) ? new OverflowDecision(OverflowKind.Local) : OverflowPolicy.Refuse(question, inRingOrder, maximumAge, random);
    }

    private static long Expect(in OverflowQuestion question, in OverflowCandidate candidate, bool isSelf, long maximumAge)
    {
        if (isSelf) return question.IsServing ? question.Local : OverflowQuestion.Never;
        return candidate.IsAdmitted || candidate.IsTried ? OverflowPolicy.Expect(candidate, maximumAge, question.Hop) : OverflowQuestion.Never;
    }

    private static OverflowDecision Choose(in OverflowQuestion question, int place, int self, long time) =>
        place == self ? new OverflowDecision(OverflowKind.Local) : OverflowPolicy.Forward(question, place, time, hasAlternative: true);
}
