using Gateway.Core.Overflow;
using Gateway.Core.Overflow.Reports;
using Gateway.TestSupport.Simulation.Fleets;

namespace Gateway.UnitTests.Overflow;

/// <summary>What holds of every decision, by random questions.</summary>
public sealed class OverflowPolicyPropertyTests
{
    private const long Age = 300_000;
    private const int Cases = 50_000;

    private readonly SeededRandom _random = new(20_260_725);
    private readonly OverflowCandidate[] _candidates = new OverflowCandidate[OverflowPolicy.MostCandidates + 2];

    [Fact]
    public void Decide_AnyQuestion_KeepsItsRules()
    {
        int[] kinds = new int[3];
        for (int i = 0; i < Cases; i++)
        {
            OverflowQuestion question = AnyQuestion();
            ReadOnlySpan<OverflowCandidate> candidates = AnyCandidates();
            ulong random = _random.Next();

            OverflowDecision decision = OverflowPolicy.Decide(question, candidates, Age, random);

            kinds[(int)decision.Kind]++;
            Assert.Equal(decision, OverflowPolicy.Decide(question, candidates, Age, random));
            Check(question, candidates, decision);
        }

        Assert.All(kinds, count => Assert.True(count > Cases / 50));
    }

    [Fact]
    public void Decide_AnyQuestion_AllocatesNothing()
    {
        OverflowQuestion[] questions = [.. Enumerable.Range(0, 64).Select(_ => AnyQuestion())];
        OverflowCandidate[] candidates = AnyCandidates().ToArray();
        long sum = 0;
        for (int warm = 0; warm < 2; warm++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 10_000; i++) sum += OverflowPolicy.Decide(questions[i & 63], candidates, Age, (ulong)i * 0x9E3779B97F4A7C15).Candidate;
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            if (warm > 0) Assert.Equal(0, allocated);
        }

        Assert.NotEqual(0, sum);
    }

    private static void Check(in OverflowQuestion question, ReadOnlySpan<OverflowCandidate> candidates, in OverflowDecision decision)
    {
        bool canHere = question is { IsServing: true, HasRoom: true, Local: < OverflowQuestion.Never };
        switch (decision.Kind)
        {
            case OverflowKind.Local:
                Assert.True(canHere && question.Local <= 0.85 * question.Remaining);
                Assert.True(!OverflowPolicy.StaysHere(question) || question.IsForwarded || question.Attempt > 0 || question.Local < question.Floor);
                break;
            case OverflowKind.Forward:
                Assert.False(question.IsForwarded);
                Assert.True(question.Attempt < OverflowPolicy.MostAttempts);
                Assert.True(question.Attempt == 0 || question.HasToken);
                Assert.False(OverflowPolicy.StaysHere(question));
                OverflowCandidate chosen = candidates[decision.Candidate];
                Assert.True(chosen is { State: ReplicaState.Serving, IsTried: false, IsAdmitted: true, Weight: > 0 } && chosen.Age <= Age);
                Assert.Equal(OverflowPolicy.Expect(chosen, Age, question.Hop), decision.Expected);
                Assert.True(decision.Expected <= 0.85 * 0.90 * question.Remaining);
                if (canHere && question.Local <= 0.85 * question.Remaining) Assert.True(decision.Expected <= 0.5 * question.Local);
                Assert.InRange(decision.HopTimeout, Math.Min(30_000, question.Remaining), question.Remaining);
                break;
            case OverflowKind.Refuse:
                Assert.InRange(decision.RetryAfter, 25_000, 7_500_000);
                if (question.IsForwarded) break;
                Assert.False(canHere && question.Local <= 0.85 * question.Remaining);
                if (question.Attempt > 0) break;
                foreach (ref readonly OverflowCandidate candidate in candidates[..Math.Min(candidates.Length, OverflowPolicy.MostCandidates)])
                {
                    Assert.False(candidate is { IsAdmitted: true, IsTried: false } && OverflowPolicy.Expect(candidate, Age, question.Hop) is var time && time < OverflowQuestion.Never && time <= 0.85 * 0.90 * question.Remaining);
                }

                break;
        }
    }

    private OverflowQuestion AnyQuestion() => new(
        Local: Often(20) ? OverflowQuestion.Never : _random.NextBelow(150_000),
        HasRoom: !Often(20),
        Remaining: Often(20) ? OverflowQuestion.Never : _random.NextBelow(150_000) - 5000,
        Floor: 25_000,
        Hop: _random.NextBelow(2000),
        IsForwarded: Often(5),
        IsServing: !Often(20),
        Attempt: Often(2) ? 0 : _random.NextBelow(4),
        HasToken: !Often(5),
        Patience: Often(2) ? OverflowQuestion.Never : _random.NextBelow(150_000));

    private ReadOnlySpan<OverflowCandidate> AnyCandidates()
    {
        int count = _random.NextBelow(_candidates.Length + 1);
        for (int i = 0; i < count; i++)
        {
            _candidates[i] = new OverflowCandidate(
                Often(10) ? (ReplicaState)_random.NextBelow(3) : ReplicaState.Serving,
                Often(20) ? uint.MaxValue : _random.NextBelow(150_000),
                _random.NextBelow(2_000_000),
                Often(10) ? OverflowQuestion.Never : _random.NextBelow((int)Age + 20_000),
                _random.NextBelow(50),
                !Often(10),
                Often(10),
                Often(10) ? 0 : 1 + _random.NextBelow(100),
                !Often(3));
        }

        return _candidates.AsSpan(0, count);
    }

    private bool Often(int oneIn) => _random.NextBelow(oneIn) == 0;
}
