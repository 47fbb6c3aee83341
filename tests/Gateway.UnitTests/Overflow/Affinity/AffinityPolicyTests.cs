using Gateway.Core.Overflow;
using Gateway.Core.Overflow.Affinity;
using Gateway.Core.Overflow.Reports;

namespace Gateway.UnitTests.Overflow.Affinity;

public sealed class AffinityPolicyTests
{
    private const long Age = 300_000;

    private static readonly OverflowQuestion Question = new(Local: 5000, HasRoom: true, Remaining: 100_000, Floor: 25_000, Hop: 1000);
    private static readonly OverflowCandidate Idle = At(5000);
    private static readonly OverflowCandidate Busy = At(60_000);
    private static readonly OverflowCandidate Full = At(90_000);
    private static readonly OverflowCandidate Gone = Idle with { Age = Age + 1 };
    private static readonly OverflowCandidate Out = Idle with { IsAdmitted = false };

    public static TheoryData<string, OverflowCandidate[], int> Scenes => new()
    {
        { "the owner is idle, and so is this one", [Idle, Idle, Idle], 0 },
        { "the owner is just not busy", [At(39_000), Idle, Idle], 0 },
        { "the owner is just busy", [At(39_001), Idle, Idle], 1 },
        { "two are busy", [Busy, Busy, Idle], 2 },
        { "all three are busy", [Busy, Busy, Busy, Idle], 0 },
        { "the owner is full, the others are busy", [Full, Busy, Busy, Idle], 1 },
        { "all three are full", [Full, Full, Full, Idle], -1 },
        { "the owner is not there", [Gone, Full, Busy, Idle], 3 },
        { "the owner is thrown out", [Out, Idle], 1 },
        { "nobody is there", [Gone, Out], Local },
        { "no ring", [], Local },
        { "the owner was tried", [Idle with { IsTried = true }, Idle], 1 },
        { "the owner and all it has were tried", [Idle with { IsTried = true }], -1 },
        { "the owner was tried and thrown out for it", [Out with { IsTried = true }], -1 },
    };

    private const int Local = 100;

    [Theory]
    [MemberData(nameof(Scenes))]
    public void Decide_NotOneOfTheOwners(string scene, OverflowCandidate[] ring, int expected)
    {
        OverflowDecision decision = AffinityPolicy.Decide(Question, ring, self: -1, Age, 0);

        Assert.True(expected == (decision.Kind switch { OverflowKind.Local => Local, OverflowKind.Forward => decision.Candidate, _ => -1 }), $"{scene}: {decision}");
    }

    [Theory]
    [InlineData(0, 5000, OverflowKind.Local)]
    [InlineData(0, 60_000, OverflowKind.Forward)]
    [InlineData(1, 5000, OverflowKind.Forward)]
    public void Decide_ThisIsOneOfTheOwners(int self, long local, OverflowKind expected) =>
        Assert.Equal(expected, AffinityPolicy.Decide(Question with { Local = local }, [Idle, Idle, Idle], self, Age, 0).Kind);

    [Fact]
    public void Decide_ThisIsTheOwnerAndAllAreBusy_StaysHere() =>
        Assert.Equal(OverflowKind.Local, AffinityPolicy.Decide(Question with { Local = 80_000 }, [Idle, Busy, Busy], 0, Age, 0).Kind);

    [Fact]
    public void Decide_ThisIsTheSuccessorOfABusyOwner_StaysHere() =>
        Assert.Equal(OverflowKind.Local, AffinityPolicy.Decide(Question, [Busy, Idle, Idle], 1, Age, 0).Kind);

    [Fact]
    public void Decide_ThisOwnerDrains_TheNextGetsIt() =>
        Assert.Equal(1, AffinityPolicy.Decide(Question with { IsServing = false }, [Idle, Idle], 0, Age, 0).Candidate);

    [Theory]
    [InlineData(1, true, OverflowKind.Forward)]
    [InlineData(1, false, OverflowKind.Refuse)]
    [InlineData(3, true, OverflowKind.Refuse)]
    public void Decide_Again_OnTokensThreeTimes(int attempt, bool hasToken, OverflowKind expected) =>
        Assert.Equal(expected, AffinityPolicy.Decide(Question with { Attempt = attempt, HasToken = hasToken }, [Idle, Idle], -1, Age, 0).Kind);

    [Theory]
    [InlineData(5000, OverflowKind.Local)]
    [InlineData(90_000, OverflowKind.Refuse)]
    public void Decide_Forwarded_NeverGoesOn(long local, OverflowKind expected) =>
        Assert.Equal(expected, AffinityPolicy.Decide(Question with { IsForwarded = true, Local = local }, [Idle, Idle], -1, Age, 0).Kind);

    private static OverflowCandidate At(long completion) => new(ReplicaState.Serving, completion, RowNanoseconds: 0, Age: 0, Unreported: 0);
}
