using Gateway.Core.Overflow;
using Gateway.Core.Overflow.Replicas;
using Gateway.Core.Overflow.Reports;
using Gateway.TestSupport.Simulation.Fleets;

namespace Gateway.UnitTests.Overflow.Replicas;

public sealed class FleetTests
{
    private const long MaximumAge = 300_000;

    private static readonly ModelKey Model = new("digits", 0);
    private static readonly OverflowQuestion Full = new(Local: 90_000, HasRoom: true, Remaining: 100_000, Floor: 25_000, Hop: 1000);

    private readonly SeededRandom _random = new(3);
    private readonly Fleet _fleet = new(MaximumAge);
    private long _now = 1_000_000;

    [Fact]
    public void Decide_OneIsIdle_BooksItThere()
    {
        Replica[] members = Members(2);

        OverflowDecision decision = Decide(out uint tried, out Sending sending);

        Replica chosen = members[decision.Candidate];
        Assert.Equal(OverflowKind.Forward, decision.Kind);
        Assert.Same(chosen, sending.Replica);
        Assert.Equal(1u << decision.Candidate, tried);
        Assert.Equal((1, 1, 1), (chosen.Counts.Sent, chosen.Http.InFlight, chosen.Find(Model)!.InFlight));
    }

    [Fact]
    public void Decide_NobodyHasComparedTheModels_OnlyThoseWhoHaveNoneHereGoThere()
    {
        Replica[] members = Members(1);
        uint tried = 0;
        members[0].Receive(Model, new LoadReport(ReplicaState.Serving, 2, 1, 5000, 100_000, 0, 0, 0), _now, isUncompared: true);

        Assert.Equal(OverflowKind.Refuse, Decide(out _, out _).Kind);
        Assert.Equal(OverflowKind.Forward, _fleet.Decide(Full with { Local = OverflowQuestion.Never, HasRoom = false }, Model, _fleet.Watched.Span, ref tried, _now, _random.Next(), out _).Kind);

        members[0].Receive(Model, new LoadReport(ReplicaState.Serving, 3, 1, 5000, 100_000, 0, 0, 0), _now);
        Assert.Equal(OverflowKind.Forward, Decide(out _, out _).Kind);
    }

    [Fact]
    public void Decide_StaysHere_BooksNothing()
    {
        Replica[] members = Members(2);
        uint tried = 0;

        OverflowDecision decision = _fleet.Decide(Full with { Local = 1000 }, Model, _fleet.Watched.Span, ref tried, _now, _random.Next(), out _);

        Assert.Equal((OverflowKind.Local, 0u), (decision.Kind, tried));
        Assert.All(members, member => Assert.Equal(0, member.Counts.Sent));
    }

    [Fact]
    public void WouldForward_IsWhatDecideWouldSay_AndBooksNothing()
    {
        Replica[] members = Members(2);

        Assert.True(_fleet.WouldForward(Full, Model, _fleet.Watched.Span, tried: 0, _now, _random.Next()));
        Assert.False(_fleet.WouldForward(Full, Model, _fleet.Watched.Span, tried: 3, _now, _random.Next()));
        Assert.False(_fleet.WouldForward(Full with { Local = 1000 }, Model, _fleet.Watched.Span, tried: 0, _now, _random.Next()));

        Assert.All(members, member => Assert.Equal((0, 0, 0), (member.Counts.Sent, member.Http.InFlight, member.Find(Model)!.InFlight)));
    }

    [Fact]
    public void Decide_Again_GoesElsewhereAndThenNowhere()
    {
        Members(2);
        uint tried = 0;
        HashSet<Replica> sent = [];
        for (int attempt = 0; attempt < 2; attempt++)
        {
            Assert.Equal(OverflowKind.Forward, _fleet.Decide(Full with { Attempt = attempt }, Model, _fleet.Watched.Span, ref tried, _now, _random.Next(), out Sending sending).Kind);
            sent.Add(sending.Replica);
        }

        Assert.Equal(2, sent.Count);
        Assert.Equal(OverflowKind.Refuse, _fleet.Decide(Full with { Attempt = 2 }, Model, _fleet.Watched.Span, ref tried, _now, _random.Next(), out _).Kind);
    }

    [Fact]
    public void Decide_Self_IsNoReplica()
    {
        Replica[] members = Members(2);
        members[0].IsSelf = true;

        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(1, Decide(out _, out Sending sending).Candidate);
            sending.Answer(_fleet, _now);
        }
    }

    [Fact]
    public void Decide_UnloadedModel_IsNoCandidate()
    {
        Replica[] members = Members(2);
        members[1].Keep(new HashSet<ModelKey>());

        Assert.Equal(0, Decide(out _, out _).Candidate);
        members[0].Keep(new HashSet<ModelKey>());
        Assert.Equal(OverflowKind.Refuse, Decide(out _, out _).Kind);
    }

    [Fact]
    public void Decide_OldReports_AreNoCandidates()
    {
        Members(2);

        _now += MaximumAge;
        Assert.Equal(OverflowKind.Forward, Decide(out _, out _).Kind);
        _now++;
        Assert.Equal(OverflowKind.Refuse, Decide(out _, out _).Kind);
    }

    [Fact]
    public void Sending_AllEndings_AddUp()
    {
        Replica replica = Members(1)[0];
        for (int i = 0; i < 500; i++)
        {
            if (Decide(out _, out Sending sending).Kind != OverflowKind.Forward)
            {
                // Thrown out: that passes.
                _now += 2_000_000;
                Report(replica, (uint)i + 10);
                continue;
            }

            switch (_random.NextBelow(5))
            {
                case 0:
                    sending.Answer(_fleet, _now);
                    break;
                case 1:
                    sending.Refuse(_now);
                    break;
                case 2:
                    sending.Fail(_now, isRefusedConnection: false, mayEject: true);
                    break;
                case 3:
                    sending.TimeOut(_fleet, _now, mayEject: true);
                    break;
                default:
                    sending.Abandon();
                    break;
            }
        }

        ReplicaCounts counts = replica.Counts;
        Assert.Equal(counts.Sent, counts.Answered + counts.Refused + counts.Failed + counts.TimedOut + counts.Abandoned);
        Assert.True(counts is { Answered: > 0, Refused: > 0, Failed: > 0, TimedOut: > 0, Abandoned: > 0 });
        Assert.Equal((0, 0), (replica.Http.InFlight, replica.Find(Model)!.InFlight));
    }

    [Theory]
    [InlineData(2, 1)]
    [InlineData(3, 1)]
    [InlineData(4, 2)]
    [InlineData(20, 10)]
    public void Decide_AllStall_HalfAreThrownOut(int count, int most)
    {
        Replica[] members = Members(count);
        foreach (Replica member in members) member.Http.TryBegin(_now, 1, out _);
        _now += 151_000;

        for (int i = 0; i < 100; i++) Decide(out _, out _);

        Assert.Equal(most, members.Count(member => member.Http.State == HealthState.Ejected));
    }

    [Fact]
    public void Decide_AllRefuseConnections_HalfAreThrownOut()
    {
        Replica[] members = Members(6);
        for (int i = 0; i < 100; i++)
        {
            Decide(out _, out Sending sending);
            sending.Fail(_now, isRefusedConnection: true, Fleet.MayEject(_fleet.Watched.Span));
        }

        Assert.Equal(3, members.Count(member => member.Http.State == HealthState.Ejected));
    }

    [Fact]
    public void Decide_SlowStart_GetsATenthAtFirst()
    {
        Replica[] members = Members(2);
        Eject(members[0].Http);
        _now += 1_300_000;
        foreach (Replica member in members) Report(member, 2);
        Assert.True(members[0].Http.Admits(_now, 0, mayEject: true));
        members[0].Http.TryBegin(_now, 1, out _);
        members[0].Http.Succeed(_now);

        int first = 0;
        for (int i = 0; i < 10_000; i++)
        {
            if (Decide(out _, out Sending sending).Candidate == 0) first++;
            sending.Abandon();
        }

        // It is a candidate for a tenth, and one of two then.
        Assert.InRange(first, 350, 650);
    }

    [Fact]
    public void Decide_HalfOpen_OneRequestAtATime()
    {
        Replica[] members = Members(1);
        Eject(members[0].Http);
        _now += 1_300_000;
        Report(members[0], 2);

        Assert.Equal(OverflowKind.Forward, Decide(out _, out Sending probe).Kind);
        Assert.Equal(OverflowKind.Refuse, Decide(out _, out _).Kind);
        probe.Answer(_fleet, _now);

        Assert.Equal(HealthState.SlowStart, members[0].Http.State);
    }

    [Fact]
    public void Hurry_Refused_TheOldestIsAskedAndOneInFiveMilliseconds()
    {
        Replica[] members = Members(3);
        members[2].IsSelf = true;
        _now += 5000;
        Report(members[1], 2);

        Assert.Null(Hurry(4999));
        Assert.Same(members[0], Hurry(5000));
        Assert.Null(Hurry(5000));
        Assert.Null(Hurry(9999));
        Assert.Same(members[1], Hurry(10_000));
        Assert.Same(members[0], Hurry(15_000));
    }

    [Fact]
    public void Hurry_NobodyReports_IsAskedInItsTurn()
    {
        Members(3);

        Assert.NotNull(Hurry(MaximumAge));
        Assert.Null(Hurry(MaximumAge + 5001));
    }

    [Fact]
    public void Set_UpToTwenty_AreAllWatched()
    {
        Replica[] members = Members(20);

        Assert.Equal(members, _fleet.Watched.ToArray());
    }

    [Theory]
    [InlineData(21)]
    [InlineData(30)]
    [InlineData(300)]
    public void Set_More_EachIsWatchedByTwenty(int count)
    {
        Replica[] members = [.. Enumerable.Range(0, count).Select(i => new Replica($"http://10.0.0.{i:D3}:8000"))];
        Dictionary<Replica, int> watched = members.ToDictionary(member => member, _ => 0);
        for (uint place = 0; place < count; place++)
        {
            Fleet fleet = new(MaximumAge, place);
            fleet.Set([.. members.Reverse()]);
            Assert.Equal(20, fleet.Watched.ToArray().Distinct().Count());
            foreach (Replica member in fleet.Watched.Span) watched[member]++;
        }

        Assert.All(watched.Values, times => Assert.Equal(20, times));
    }

    [Fact]
    public void Decide_ManyThreadsAndChanges_CountsAddUp()
    {
        Replica[] members = Members(20);
        Parallel.For(0, 8, thread =>
        {
            SeededRandom random = new((ulong)thread);
            for (int i = 0; i < 5000; i++)
            {
                uint tried = 0;
                OverflowDecision decision = _fleet.Decide(Full, Model, _fleet.Watched.Span, ref tried, _now + i, random.Next(), out Sending sending);
                if (decision.Kind != OverflowKind.Forward) continue;
                if (i % 100 == 0) Report(sending.Replica, (uint)i + 10);
                if (i % 7 == 0) sending.Fail(_now + i, isRefusedConnection: i % 3 == 0, Fleet.MayEject(_fleet.Watched.Span));
                else sending.Answer(_fleet, _now + i);
            }
        });

        Assert.All(members, member => Assert.Equal((0, 0), (member.Http.InFlight, member.Find(Model)!.InFlight)));
        Assert.All(members, member => Assert.Equal(member.Counts.Sent, member.Counts.Answered + member.Counts.Failed));
    }

    [Fact]
    public void Decide_TwentyReplicas_AllocatesNothing()
    {
        Members(20);
        for (int warm = 0; warm < 2; warm++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 1000; i++)
            {
                if (Decide(out _, out Sending sending).Kind == OverflowKind.Forward) sending.Answer(_fleet, _now);
            }

            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            if (warm > 0) Assert.Equal(0, allocated);
        }
    }

    private void Eject(ReplicaHealth health)
    {
        health.TryBegin(_now, 1, out Hop hop);
        health.Fail(_now, hop, isRefusedConnection: true, mayEject: true);
    }

    private Replica? Hurry(long after) => _fleet.Hurry(_fleet.Watched.Span, _now + after);

    private Replica[] Members(int count)
    {
        Replica[] members = [.. Enumerable.Range(0, count).Select(i => new Replica($"http://10.0.0.{i:D3}:8000", (ulong)i + 1))];
        foreach (Replica member in members) Report(member, 1);
        _fleet.Set(members);
        return members;
    }

    private void Report(Replica replica, uint sequence) =>
        replica.Receive(Model, new LoadReport(ReplicaState.Serving, sequence, 1, 5000, 100_000, 0, 0, 0), _now);

    private OverflowDecision Decide(out uint tried, out Sending sending)
    {
        tried = 0;
        return _fleet.Decide(Full, Model, _fleet.Watched.Span, ref tried, _now, _random.Next(), out sending);
    }
}
