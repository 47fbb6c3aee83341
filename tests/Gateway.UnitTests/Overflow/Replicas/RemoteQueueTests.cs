using Gateway.Core.Overflow;
using Gateway.Core.Overflow.Replicas;
using Gateway.Core.Overflow.Reports;

namespace Gateway.UnitTests.Overflow.Replicas;

public sealed class RemoteQueueTests
{
    private readonly RemoteQueue _queue = new();

    [Fact]
    public void ToCandidate_NoReport_IsNone()
    {
        OverflowCandidate candidate = _queue.ToCandidate(1000, isAdmitted: true, isTried: false, weight: 3, isNear: false);

        Assert.Equal(new OverflowCandidate(ReplicaState.Starting, 0, 0, OverflowQuestion.Never, 0, 0, true, false, 3, false), candidate);
    }

    [Fact]
    public void ToCandidate_Report_WithItsAgeAndWhatWasSentSince()
    {
        _queue.Begin();
        _queue.Receive(Report(sequence: 1), 1000);
        _queue.Begin();
        _queue.Begin();
        _queue.End();

        OverflowCandidate candidate = _queue.ToCandidate(1500, isAdmitted: true, isTried: true, weight: 1, isNear: true);

        Assert.Equal(new OverflowCandidate(ReplicaState.Serving, 7000, 150_000, 500, 2, 2, true, true, 1, true), candidate);
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
        Assert.Equal((1500, 1), (candidate.Age, candidate.SentSince));
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
            Assert.InRange(candidate.SentSince, 0, 8);
        }
    }

    private static LoadReport Report(uint sequence, ushort boot = 1) => new(ReplicaState.Serving, LoadFlags.None, sequence, boot, 7000, 150_000, 0, 0, 0);
}
