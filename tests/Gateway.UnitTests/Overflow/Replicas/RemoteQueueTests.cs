using Gateway.Core.Overflow;
using Gateway.Core.Overflow.Replicas;
using Gateway.Core.Overflow.Reports;

namespace Gateway.UnitTests.Overflow.Replicas;

public sealed class RemoteQueueTests
{
    private readonly RemoteQueue _queue = new();

    [Fact]
    public void Observed_TimeOuts_AtLeastDouble_AndAnAnswerIsLearnedFrom()
    {
        _queue.ObserveTimeOut(100);
        Assert.Equal(200, _queue.Observed);
        _queue.ObserveTimeOut(150);
        Assert.Equal(400, _queue.Observed);
        _queue.Observe(2000);
        Assert.Equal(600, _queue.Observed);
        _queue.FadeObserved();
        Assert.Equal(300, _queue.Observed);
    }

    [Fact]
    public void Refusals_OfThoseSentTogether_DoubleOnce_AndCountAtOnce()
    {
        _queue.Receive(Report(sequence: 1), 1000);
        _queue.ObserveRefusal(50_000);
        _queue.ObserveRefusal(50_000);
        Assert.Equal(100_000, _queue.Observed);
        Assert.Equal(100_000, _queue.ToCandidate(1500, true, false, 1, true).Completion);
        _queue.ObserveRefusal(100_000);
        Assert.Equal(200_000, _queue.Observed);

        // The next report knows of it.
        _queue.Receive(Report(sequence: 2), 2000);
        Assert.Equal(7000, _queue.ToCandidate(2500, true, false, 1, true).Completion);
    }

    [Fact]
    public void ToCandidate_NoReport_IsNone()
    {
        OverflowCandidate candidate = _queue.ToCandidate(1000, isAdmitted: true, isTried: false, weight: 3, isNear: false);

        Assert.Equal(new OverflowCandidate(ReplicaState.Starting, 0, 0, OverflowQuestion.Never, 0, true, false, 3, false), candidate);
    }

    [Fact]
    public void ToCandidate_Report_WithItsAgeAndWhatWasSentSince()
    {
        _queue.Begin();
        _queue.Receive(Report(sequence: 1, queued: 1), 1000);
        _queue.Begin();
        _queue.Begin();

        OverflowCandidate candidate = _queue.ToCandidate(1500, isAdmitted: true, isTried: true, weight: 1, isNear: true);

        Assert.Equal(new OverflowCandidate(ReplicaState.Serving, 7000, 150_000, 500, 2, true, true, 1, true), candidate);
    }

    [Theory]
    [InlineData(1000, 0, 0, 0, 0)]
    [InlineData(0, 1000, 0, 0, 1000)]
    [InlineData(0, 1000, 1000, 0, 0)]
    [InlineData(0, 1000, 300, 200, 500)]
    [InlineData(0, 10, 300, 200, 0)]
    public void ToCandidate_WhatIsThere_IsUnreportedBeyondWhatTheReportCounts(int answered, int inFlight, ushort queued, ushort inService, int unreported)
    {
        for (int i = 0; i < answered + inFlight; i++) _queue.Begin();
        for (int i = 0; i < answered; i++) _queue.End();
        _queue.Receive(Report(sequence: 1, queued: queued) with { RequestsInService = inService }, 1000);

        Assert.Equal(unreported, _queue.ToCandidate(1000, true, false, 1, true).Unreported);
    }

    [Fact]
    public void ToCandidate_SentSinceAndAnswered_IsReportedSoon()
    {
        _queue.Receive(Report(sequence: 1), 1000);
        for (int i = 0; i < 10; i++) _queue.Begin();
        for (int i = 0; i < 7; i++) _queue.End();

        Assert.Equal(3, _queue.ToCandidate(1000, true, false, 1, true).Unreported);
    }

    [Fact]
    public void ToCandidate_TakesAllAndAnswersNothing_IsNotIdleWhateverItReports()
    {
        for (uint i = 1; i <= 20; i++)
        {
            _queue.Begin();
            _queue.Receive(Report(sequence: i), 1000);
        }

        Assert.Equal(20, _queue.ToCandidate(1000, true, false, 1, true).Unreported);
    }

    [Fact]
    public void Receive_AnOlderOne_ChangesNothing()
    {
        Assert.True(_queue.Receive(Report(sequence: 2), 1000));
        _queue.Begin();

        Assert.False(_queue.Receive(Report(sequence: 1), 2000));
        Assert.False(_queue.Receive(Report(sequence: 2), 2000));

        Assert.Equal(2u, _queue.Report!.Sequence);
        OverflowCandidate candidate = _queue.ToCandidate(2500, true, false, 1, true);
        Assert.Equal((1500, 1), (candidate.Age, candidate.Unreported));
    }

    [Fact]
    public void Receive_AnotherBoot_CountsWhateverItsSequence()
    {
        _queue.Receive(Report(sequence: 1000), 1000);

        Assert.True(_queue.Receive(Report(sequence: 1, boot: 2), 2000));
    }

    [Fact]
    public void Receive_ManyThreads_TheNewestIsKept()
    {
        for (int round = 0; round < 50; round++)
        {
            RemoteQueue queue = new();
            int next = 0;
            Parallel.For(0, 8, _ =>
            {
                while (true)
                {
                    int sequence = Interlocked.Increment(ref next);
                    if (sequence > 2000) return;
                    queue.Begin();
                    queue.Receive(Report((uint)sequence), sequence);
                    queue.End();
                }
            });

            Assert.Equal(2000u, queue.Report!.Sequence);
            Assert.Equal(0, queue.InFlight);
            OverflowCandidate candidate = queue.ToCandidate(2000, true, false, 1, true);
            Assert.Equal(0, candidate.Age);
            Assert.InRange(candidate.Unreported, 0, 8);
        }
    }

    private static LoadReport Report(uint sequence, ushort boot = 1, ushort queued = 0) => new(ReplicaState.Serving, sequence, boot, 7000, 150_000, queued, 0, 0);
}
