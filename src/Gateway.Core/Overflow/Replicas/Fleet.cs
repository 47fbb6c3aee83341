using Gateway.Core.Overflow.Affinity;

namespace Gateway.Core.Overflow.Replicas;

/// <summary>The replicas that this gateway watches, and the choice among them.</summary>
/// <remarks>
/// <b>Behaviour</b>: never more than half of them are thrown out, one may always be. Of more than <see cref="OverflowPolicy.MostCandidates"/> it watches as many, evenly
/// spread from a place of its own on, so that all are watched by as many. <b>Threading</b>: any; the members change as a whole. <b>Cost</b>: no allocation a decision.
/// </remarks>
/// <param name="maximumAge">Microseconds after which a report says nothing any more.</param>
/// <param name="place">This gateway's own place among all, as any number.</param>
public sealed class Fleet(long maximumAge, uint place = 0)
{
    // 200 a second, as many as the polls of twenty replicas.
    private const long HurryPause = 5000;
    private const long HurryAge = 10_000;

    private volatile Replica[] _watched = [];
    private volatile MemberRing? _ring;
    private long _hurriedAt = long.MinValue / 2;

    public RetryBudget Retries { get; } = new();

    public long MaximumAge { get; } = maximumAge;

    /// <summary>Those that are watched.</summary>
    public ReadOnlyMemory<Replica> Watched => _watched;

    /// <summary>Whether any of those that are watched serves a model.</summary>
    public bool Knows(in ModelKey model)
    {
        foreach (Replica replica in _watched)
        {
            if (!replica.IsSelf && replica.Find(model) is not null) return true;
        }

        return false;
    }

    /// <summary>The ring of all members, by their addresses; null where there are more than <see cref="OverflowPolicy.MostCandidates"/>, or this gateway is not known to be among them.</summary>
    public HashRing? RingOf(ReadOnlyMemory<Replica> watched)
    {
        // Of other members, which were there when a request came, there is no ring any more.
        if (_ring is not { } ring || !ring.IsOf(watched)) return null;
        foreach (Replica replica in watched.Span)
        {
            if (replica.IsSelf) return ring.Ring;
        }

        return null;
    }

    /// <summary>Sets the members; those that were there before stay the same objects.</summary>
    public void Set(IReadOnlyList<Replica> members)
    {
        if (members.Count <= OverflowPolicy.MostCandidates)
        {
            Replica[] all = [.. members];
            _ring = new MemberRing(all, new HashRing([.. all.Select(member => member.Address)]));
            _watched = all;
            return;
        }

        Replica[] ordered = [.. members.OrderBy(member => member.Address, StringComparer.Ordinal)];
        _ring = null;
        _watched = [.. Enumerable.Range(0, OverflowPolicy.MostCandidates).Select(i => ordered[(place + ((long)i * ordered.Length / OverflowPolicy.MostCandidates)) % ordered.Length])];
    }

    /// <summary>Decides where a request is served, and books it with the replica it goes to.</summary>
    /// <param name="watched">The members that the decision is about, from <see cref="Watched"/>: the same for all attempts of a request.</param>
    /// <param name="tried">Where it has been, one bit each by the place in <paramref name="watched"/>.</param>
    /// <param name="now">Microseconds.</param>
    /// <param name="random">64 random bits.</param>
    /// <param name="sending">To be told how it ended, of <see cref="OverflowKind.Forward"/>.</param>
    /// <param name="inRingOrder">Where each answer is to be kept by one replica (<see cref="AffinityPolicy"/>): places in <paramref name="watched"/>, the owner's first. Empty for others.</param>
    /// <param name="transport">What it goes over.</param>
    public OverflowDecision Decide(
        in OverflowQuestion question, in ModelKey model, ReadOnlySpan<Replica> watched, ref uint tried, long now, ulong random, out Sending sending, ReadOnlySpan<int> inRingOrder = default,
        ReplicaTransport transport = ReplicaTransport.Http)
    {
        sending = default;
        bool isRing = inRingOrder.Length > 0;
        if (!isRing && OverflowPolicy.StaysHere(question)) return new OverflowDecision(OverflowKind.Local);
        int count = isRing ? inRingOrder.Length : watched.Length;
        Span<OverflowCandidate> candidates = stackalloc OverflowCandidate[OverflowPolicy.MostCandidates];
        while (true)
        {
            int self = Fill(candidates[..count], question, model, watched, tried, now, random, inRingOrder, transport);
            OverflowDecision decision = isRing
                ? AffinityPolicy.Decide(question, candidates[..count], self, MaximumAge, random)
                : OverflowPolicy.Decide(question, candidates[..count], MaximumAge, random);
            if (decision.Kind != OverflowKind.Forward) return decision;
            if (isRing) decision = decision with { Candidate = inRingOrder[decision.Candidate] };
            tried |= 1u << decision.Candidate;
            if (!TryBook(watched[decision.Candidate], transport, model, decision, now, out sending)) continue;
            return sending.IsTrial ? OverflowPolicy.WaitLonger(decision, question) : decision;
        }
    }

    /// <summary>Whether a request that is not of a ring would be sent somewhere now; nothing is booked.</summary>
    /// <param name="watched">As above, like the rest.</param>
    public bool WouldForward(
        in OverflowQuestion question, in ModelKey model, ReadOnlySpan<Replica> watched, uint tried, long now, ulong random, ReplicaTransport transport = ReplicaTransport.Http)
    {
        if (OverflowPolicy.StaysHere(question)) return false;
        Span<OverflowCandidate> candidates = stackalloc OverflowCandidate[OverflowPolicy.MostCandidates];
        candidates = candidates[..watched.Length];
        Fill(candidates, question, model, watched, tried, now, random, [], transport);
        return OverflowPolicy.Decide(question, candidates, MaximumAge, random).Kind == OverflowKind.Forward;
    }

    /// <returns>The place of this gateway among the candidates; -1 for none.</returns>
    private static int Fill(
        Span<OverflowCandidate> candidates, in OverflowQuestion question, in ModelKey model, ReadOnlySpan<Replica> watched, uint tried, long now, ulong random, ReadOnlySpan<int> inRingOrder,
        ReplicaTransport transport)
    {
        bool isRing = inRingOrder.Length > 0;
        bool mayEject = MayEject(watched, transport);
        int self = -1;
        for (int i = 0; i < candidates.Length; i++)
        {
            int at = isRing ? inRingOrder[i] : i;
            Replica replica = watched[at];
            if (replica.IsSelf) self = i;
            // One of a ring that was tried is an owner still.
            bool isTried = (tried & (1u << at)) != 0;
            candidates[i] = isTried && !isRing ? None : ToCandidate(replica, transport, model, question.IsServedHere, isTried, now, Mix(random, i), mayEject);

            // Counted again, or all that stall at the same time would be thrown out together.
            if (mayEject && replica.HealthOver(transport).State == HealthState.Ejected) mayEject = MayEject(watched, transport);
        }

        return self;
    }

    /// <returns>False for a moment's changes: the model has just been unloaded there, or another request tries whether it is well again.</returns>
    private static bool TryBook(Replica chosen, ReplicaTransport transport, in ModelKey model, in OverflowDecision decision, long now, out Sending sending)
    {
        sending = default;
        ReplicaHealth health = chosen.HealthOver(transport);
        if (chosen.Find(model) is not { } queue || !health.TryBegin(now, decision.Expected, out Hop hop)) return false;
        queue.Begin();
        chosen.Counts.CountSent();
        sending = new Sending(chosen, queue, health, hop);
        return true;
    }

    /// <summary>A request was refused because nobody has room, as far as is known: which replica to ask for a new report at once.</summary>
    /// <remarks>
    /// Nothing goes to a replica that was full when it last reported, so no answer brings a newer report: without this it would stay full until the next poll, and have run dry
    /// since. With two others to choose from that cost 2 % of what bursts leave, in simulation.
    /// </remarks>
    /// <param name="now">Microseconds.</param>
    /// <returns>Null when it is too early for another.</returns>
    public Replica? Hurry(ReadOnlySpan<Replica> watched, long now)
    {
        long before = Volatile.Read(ref _hurriedAt);
        if (now - before < HurryPause) return null;
        Replica? oldest = null;
        long at = now - HurryAge;
        foreach (Replica replica in watched)
        {
            long last = Math.Max(replica.LastReportAt, replica.HurriedAt);
            if (replica.IsSelf || last > at || now - replica.LastReportAt > MaximumAge) continue;
            oldest = replica;
            at = last;
        }

        if (oldest is null || Interlocked.CompareExchange(ref _hurriedAt, now, before) != before) return null;
        oldest.HurriedAt = now;
        return oldest;
    }

    // Each replica's own bits, independent of those that the draw uses: with the same bits, one that is admitted with a chance of a tenth would always be drawn when it is.
    private static uint Mix(ulong random, int i)
    {
        ulong mixed = (random + ((ulong)i * 0x9E3779B97F4A7C15)) * 0xBF58476D1CE4E5B9;
        return (uint)((mixed ^ (mixed >> 29)) * 0x94D049BB133111EB >> 32);
    }

    private static OverflowCandidate None => new(default, 0, 0, OverflowQuestion.Never, 0, IsTried: true);

    private static OverflowCandidate ToCandidate(Replica replica, ReplicaTransport transport, in ModelKey model, bool isServedHere, bool isTried, long now, uint random, bool mayEject)
    {
        if (replica.IsSelf || replica.Find(model) is not { } queue || (isServedHere && queue.IsUncompared)) return None;
        return queue.ToCandidate(now, replica.HealthOver(transport).Admits(now, random, mayEject), isTried, replica.Weight, replica.IsNear);
    }

    /// <summary>Whether one more may be thrown out.</summary>
    public static bool MayEject(ReadOnlySpan<Replica> replicas, ReplicaTransport transport = ReplicaTransport.Http)
    {
        int all = 0;
        int ejected = 0;
        foreach (Replica replica in replicas)
        {
            if (replica.IsSelf) continue;
            all++;
            if (replica.HealthOver(transport).IsOut) ejected++;
        }

        return ejected < Math.Max(1, all / 2);
    }

    private sealed record MemberRing(Replica[] Members, HashRing Ring)
    {
        public bool IsOf(ReadOnlyMemory<Replica> watched) => watched.Span == Members.AsSpan();
    }
}
