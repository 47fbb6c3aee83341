using Gateway.Core.Scheduling;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Scheduling;

/// <summary>Requests that have lain unread.</summary>
public sealed class AdmissionGateTests
{
    private const long Timeout = 10_000_000;
    private readonly AdmissionGate _gate = new(new ManualTimeProvider());

    [Fact]
    public void TurnsAway_OneHasLainForLong_IsAHiccup()
    {
        for (int i = 0; i < 100; i++) Assert.False(TurnsAway(0.6));
    }

    [Fact]
    public void TurnsAway_AllLieForLong_ThoseWithLittleTimeLeft()
    {
        for (int i = 0; i < 3000; i++) TurnsAway(0.6);

        Assert.True(_gate.TurnsAway(Timeout, (long)(0.6 * Timeout), isBeingRead: false, 1, 1, out EarlyRefusal refusal));
        Assert.Equal(RefusalReason.DeadlineBehindQueue, refusal.Reason);
        Assert.True(refusal.RetryAfter > TimeSpan.Zero);
        Assert.False(TurnsAway(0.4));
        for (int i = 0; i < 3000; i++) TurnsAway(0.01);
        Assert.False(TurnsAway(0.6));
    }

    // A slow client takes as long as it takes.
    [Fact]
    public void TurnsAway_AllAreLongBeingRead_NoneForThat()
    {
        for (int i = 0; i < 3000; i++) Assert.False(TurnsAway(0.6, isBeingRead: true));
        Assert.False(TurnsAway(0.6));
    }

    private bool TurnsAway(double share, bool isBeingRead = false) => _gate.TurnsAway(Timeout, (long)(share * Timeout), isBeingRead, 1, 1, out _);
}
