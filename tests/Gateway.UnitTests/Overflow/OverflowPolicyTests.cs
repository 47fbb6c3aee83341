using Gateway.Core.Overflow;
using Gateway.Core.Overflow.Reports;

namespace Gateway.UnitTests.Overflow;

public sealed class OverflowPolicyTests
{
    private const long Age = 300_000;
    private const long Never = OverflowQuestion.Never;

    // Times in milliseconds here: 100 until the deadline, a floor of 25, a hop of 1.
    private static readonly OverflowQuestion Question = new(Local: 10_000, HasRoom: true, Remaining: 100_000, Floor: 25_000, Hop: 1000);
    private static readonly OverflowCandidate Idle = new(ReplicaState.Serving, Completion: 5000, RowNanoseconds: 1_000_000, Age: 0, Unreported: 0);

    [Theory]
    [InlineData(24_999, OverflowKind.Local)]
    [InlineData(25_000, OverflowKind.Forward)]
    [InlineData(85_000, OverflowKind.Forward)]
    [InlineData(85_001, OverflowKind.Forward)]
    [InlineData(Never, OverflowKind.Forward)]
    public void Decide_AReplicaIsIdle_StaysBelowTheFloor(long local, OverflowKind expected) => Assert.Equal(expected, Decide(Question with { Local = local }, Idle).Kind);

    [Theory]
    [InlineData(24_999, OverflowKind.Local)]
    [InlineData(85_000, OverflowKind.Local)]
    [InlineData(85_001, OverflowKind.Refuse)]
    [InlineData(Never, OverflowKind.Refuse)]
    public void Decide_NoReplica_StaysWhileItIsInTime(long local, OverflowKind expected) => Assert.Equal(expected, Decide(Question with { Local = local }).Kind);

    /// <summary>Half of what would be left beside a run here, at least the time of any hop, at most 150 ms.</summary>
    [Theory]
    [InlineData(25_500, 100_000, 35_000)]
    [InlineData(51_000, 100_000, 30_000)]
    [InlineData(25_500, 200_000, 85_000)]
    [InlineData(25_500, 1_000_000, 150_000)]
    [InlineData(25_500, Never, 150_000)]
    public void Decide_InTimeHere_WaitsWhileThatIsFree(long local, long remaining, long timeout) =>
        Assert.Equal(timeout, Decide(Question with { Local = local, Remaining = remaining }, Idle).HopTimeout);

    [Theory]
    [InlineData(19_000, OverflowKind.Forward)]
    [InlineData(19_001, OverflowKind.Local)]
    public void Decide_InTimeHere_GoesForHalfTheTime(long there, OverflowKind expected) =>
        Assert.Equal(expected, Decide(Question with { Local = 40_000 }, Idle with { Completion = there }).Kind);

    [Theory]
    [InlineData(75_500, OverflowKind.Forward)]
    [InlineData(75_501, OverflowKind.Refuse)]
    public void Decide_LateHere_GoesWhereItFitsEasily(long there, OverflowKind expected) =>
        Assert.Equal(expected, Decide(Question with { Local = 90_000 }, Idle with { Completion = there }).Kind);

    [Theory]
    [InlineData(80_507, OverflowKind.Local)]
    [InlineData(80_508, OverflowKind.Refuse)]
    [InlineData(Never, OverflowKind.Refuse)]
    public void Decide_Forwarded_IsTakenOrRefused(long local, OverflowKind expected) =>
        Assert.Equal(expected, Decide(Question with { Local = local, IsForwarded = true }, Idle).Kind);

    [Theory]
    [InlineData(25_245, OverflowKind.Local)]
    [InlineData(25_246, OverflowKind.Refuse)]
    public void Decide_Forwarded_IsTakenIfTheSenderWillWait(long local, OverflowKind expected) =>
        Assert.Equal(expected, Decide(Question with { Local = local, IsForwarded = true, Patience = 30_000 }, Idle).Kind);

    [Fact]
    public void Decide_Forwarded_IsTakenWhereTheSenderThoughtItWouldBe()
    {
        // What a sender may just promise itself, the receiver still takes after the way there: nothing on the edge is sent and refused.
        for (long remaining = 10_000; remaining < 10_000_000; remaining += 997)
        {
            long promised = (long)(0.85 * 0.90 * remaining) - 1;
            if (promised <= 1000) continue;
            OverflowDecision sent = Decide(Question with { Local = OverflowQuestion.Never, Remaining = remaining }, Idle with { Completion = promised - 1000 });
            Assert.Equal(OverflowKind.Forward, sent.Kind);
            OverflowQuestion there = Question with { Local = promised - 1000, Remaining = remaining - 500, IsForwarded = true, Patience = sent.HopTimeout - 500 };

            Assert.Equal(OverflowKind.Local, Decide(there).Kind);
        }
    }

    [Fact]
    public void Decide_QueueIsFullHere_Goes() => Assert.Equal(OverflowKind.Forward, Decide(Question with { HasRoom = false }, Idle).Kind);

    [Fact]
    public void Decide_QueueIsFullHere_IsRefusedWithoutReplicas() => Assert.Equal(OverflowKind.Refuse, Decide(Question with { HasRoom = false }).Kind);

    [Fact]
    public void Decide_Draining_Goes() => Assert.Equal(OverflowKind.Forward, Decide(Question with { IsServing = false }, Idle).Kind);

    [Fact]
    public void Decide_DrainingAndForwarded_IsRefused() => Assert.Equal(OverflowKind.Refuse, Decide(Question with { IsServing = false, IsForwarded = true }, Idle).Kind);

    [Fact]
    public void Decide_FullAndForwarded_IsRefused() => Assert.Equal(OverflowKind.Refuse, Decide(Question with { HasRoom = false, IsForwarded = true }, Idle).Kind);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Decide_AfterAFailure_StaysIfItIsInTime(int attempt) => Assert.Equal(OverflowKind.Local, Decide(Question with { Local = 85_000, Attempt = attempt }, Idle).Kind);

    [Theory]
    [InlineData(1, true, OverflowKind.Forward)]
    [InlineData(2, true, OverflowKind.Forward)]
    [InlineData(3, true, OverflowKind.Refuse)]
    [InlineData(0, false, OverflowKind.Forward)]
    [InlineData(1, false, OverflowKind.Refuse)]
    public void Decide_AgainAndLateHere_GoesOnTokensThreeTimes(int attempt, bool hasToken, OverflowKind expected) =>
        Assert.Equal(expected, Decide(Question with { Local = 90_000, Attempt = attempt, HasToken = hasToken }, Idle).Kind);

    public static TheoryData<string, OverflowCandidate, bool> Candidates => new()
    {
        { "well", Idle, true },
        { "starting", Idle with { State = ReplicaState.Starting }, false },
        { "draining", Idle with { State = ReplicaState.Draining }, false },
        { "just old enough", Idle with { Age = Age }, true },
        { "too old", Idle with { Age = Age + 1 }, false },
        { "never reported", Idle with { Age = Never }, false },
        { "thrown out", Idle with { IsAdmitted = false }, false },
        { "tried", Idle with { IsTried = true }, false },
        { "weightless", Idle with { Weight = 0 }, false },
        { "never done", Idle with { Completion = uint.MaxValue }, false },
        { "far", Idle with { IsNear = false }, true },
        { "just so many sent since", Idle with { Unreported = 70 }, true },
        { "one more sent since", Idle with { Unreported = 71 }, false },
    };

    [Theory]
    [MemberData(nameof(Candidates))]
    public void Decide_OneCandidate_IsOneOnlyIfItIsOpen(string name, OverflowCandidate candidate, bool isCandidate)
    {
        OverflowDecision decision = Decide(Question with { Local = 90_000 }, candidate);

        Assert.True(isCandidate == (decision.Kind == OverflowKind.Forward), name);
        if (isCandidate) Assert.Equal(0, decision.Candidate);
    }

    [Fact]
    public void Decide_NearAndFar_GoesNear()
    {
        for (ulong i = 0; i < 1000; i++)
        {
            OverflowDecision decision = OverflowPolicy.Decide(Question with { Local = 90_000 }, [Idle with { IsNear = false }, Idle with { Completion = 60_000 }], Age, i * 0x9E3779B97F4A7C15);
            Assert.Equal(1, decision.Candidate);
        }
    }

    [Fact]
    public void Decide_TwoCandidates_GoesToTheBetter()
    {
        for (ulong i = 0; i < 1000; i++)
        {
            OverflowDecision decision = OverflowPolicy.Decide(Question with { Local = 90_000 }, [Idle, Idle with { Completion = 4999 }], Age, i * 0x9E3779B97F4A7C15);
            Assert.Equal(1, decision.Candidate);
        }
    }

    [Fact]
    public void Decide_Weights_AreHowOftenOneIsDrawn()
    {
        int[] drawn = new int[3];
        OverflowCandidate[] candidates = [Idle with { Weight = 1 }, Idle with { Weight = 2 }, Idle with { Weight = int.MaxValue / 2 }];
        for (ulong i = 0; i < 1000; i++) drawn[OverflowPolicy.Decide(Question with { Local = 90_000 }, candidates, Age, i * 0x9E3779B97F4A7C15).Candidate]++;

        // The first that is drawn wins among equals: by weight, that is nearly always the heavy one.
        Assert.InRange(drawn[2], 990, 1000);

        Array.Clear(drawn);
        candidates = [Idle with { Weight = 1 }, Idle with { Weight = 2 }, Idle with { Weight = 1 }];
        for (ulong i = 0; i < 4000; i++) drawn[OverflowPolicy.Decide(Question with { Local = 90_000 }, candidates, Age, i * 0x9E3779B97F4A7C15).Candidate]++;
        Assert.InRange(drawn[1], 1900, 2100);
        Assert.InRange(drawn[0], 900, 1100);
    }

    [Fact]
    public void Decide_TwentyOfTheLargestWeights_AllAreDrawn()
    {
        OverflowCandidate[] candidates = [.. Enumerable.Repeat(Idle with { Weight = int.MaxValue }, OverflowPolicy.MostCandidates)];
        HashSet<int> drawn = [];
        for (ulong i = 0; i < 1000; i++) drawn.Add(OverflowPolicy.Decide(Question with { Local = 90_000 }, candidates, Age, i * 0x9E3779B97F4A7C15).Candidate);

        Assert.Equal(OverflowPolicy.MostCandidates, drawn.Count);
    }

    [Fact]
    public void Decide_MoreCandidatesThanCount_TheFirstCount()
    {
        OverflowCandidate[] candidates = [.. Enumerable.Repeat(Idle with { IsTried = true }, OverflowPolicy.MostCandidates), Idle];

        Assert.Equal(OverflowKind.Refuse, Decide(Question with { Local = 90_000 }, candidates).Kind);
    }

    [Theory]
    [InlineData(100_000, 100_000)]
    [InlineData(Never, 30_000_000)]
    public void Decide_GoesToTheOnlyOneThereIs_HopHasAllTheTime(long remaining, long timeout) =>
        Assert.Equal(timeout, Decide(Question with { Local = Never, Remaining = remaining }, Idle).HopTimeout);

    [Theory]
    [InlineData(5000, 100_000, 30_000)]
    [InlineData(9000, 100_000, 30_000)]
    [InlineData(20_000, 100_000, 52_000)]
    [InlineData(60_000, 100_000, 100_000)]
    [InlineData(5000, 20_000, 20_000)]
    [InlineData(60_000, Never, 132_000)]
    public void Decide_Goes_HopTimesOutAfterTwiceWhatWasPromised(long completion, long remaining, long timeout)
    {
        OverflowCandidate there = Idle with { Completion = completion };

        OverflowDecision decision = Decide(Question with { Local = Never, Remaining = remaining }, there, there);

        Assert.Equal((OverflowKind.Forward, completion + 1000, timeout), (decision.Kind, decision.Expected, decision.HopTimeout));
    }

    [Theory]
    [InlineData(90_000, 100_000, 50_000)]
    [InlineData(1_085_000, 100_000, 1_000_000)]
    [InlineData(60_000_000, 100_000, 5_000_000)]
    [InlineData(Never, 100_000, 50_000)]
    [InlineData(90_000, -5000, 94_250)]
    public void Decide_Refused_SaysWhenItWouldBeInTime(long local, long remaining, long wait)
    {
        OverflowDecision least = OverflowPolicy.Decide(Question with { Local = local, Remaining = remaining }, [], Age, 0);
        OverflowDecision most = OverflowPolicy.Decide(Question with { Local = local, Remaining = remaining }, [], Age, ulong.MaxValue);

        Assert.Equal(OverflowKind.Refuse, least.Kind);
        Assert.InRange(least.RetryAfter, (wait / 2) - 1, (wait / 2) + 1);
        Assert.InRange(most.RetryAfter, (wait * 3 / 2) - 2, (wait * 3 / 2) + 2);
    }

    [Fact]
    public void Decide_Refused_TheSoonestReplicaIsWhatCounts()
    {
        OverflowDecision decision = OverflowPolicy.Decide(
            Question with { Local = 3_000_000 }, [Idle with { Completion = 284_000 }, Idle with { Completion = 10, Age = Age + 1 }], Age, 1UL << 63);

        Assert.Equal((OverflowKind.Refuse, 200_000), (decision.Kind, decision.RetryAfter));
    }

    [Fact]
    public void Decide_NoDeadline_GoesToBalance()
    {
        OverflowQuestion question = Question with { Remaining = Never, Local = 10_000_000 };

        Assert.Equal(OverflowKind.Local, Decide(question).Kind);
        Assert.Equal(OverflowKind.Forward, Decide(question, Idle with { Completion = 4_900_000 }).Kind);
        Assert.Equal(OverflowKind.Local, Decide(question, Idle with { Completion = 5_100_000 }).Kind);
    }

    [Fact]
    public void Decide_NotServedAnywhere_RefusedForTheLeastTime()
    {
        OverflowDecision decision = OverflowPolicy.Decide(Question with { Local = Never, Remaining = Never }, [], Age, 1UL << 63);

        Assert.Equal((OverflowKind.Refuse, 50_000), (decision.Kind, decision.RetryAfter));
    }

    private static OverflowDecision Decide(in OverflowQuestion question, params ReadOnlySpan<OverflowCandidate> candidates) => OverflowPolicy.Decide(question, candidates, Age, 0x123456789ABCDEF0);
}
