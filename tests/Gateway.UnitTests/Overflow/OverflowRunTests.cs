using Gateway.Core.Overflow;
using Gateway.Core.Overflow.Replicas;
using Gateway.Core.Scheduling;
using Gateway.Server.Overflow;

namespace Gateway.UnitTests.Overflow;

public sealed class OverflowRunTests
{
    private const long Now = 1_000_000;
    private const long Waited = 30_000;
    private const long Left = 70_000;

    [Theory]
    [InlineData(0, 70_000)]
    [InlineData(100_000, 70_000)]
    [InlineData(200_000, 70_000)]
    [InlineData(80_000, 50_000)]
    public void RefusedHere_WithATimeOfItsOwn_HasThatFromItsArrival(long timeoutMicroseconds, long left)
    {
        OverflowQuestion question = new(Local: 1000, HasRoom: true, Remaining: Left, Floor: 0, Hop: 800);
        OverflowRun run = new(new ModelKey("m", 0), question, ReadOnlyMemory<Replica>.Empty, Now, Now - Waited, ReplicaTransport.Http);
        Assert.Equal(Left, run.Remaining(Now));

        run.RefusedHere(RefusalReason.QueueFull, "", retryHere: null, timeoutMicroseconds);
        run.RefusedHere(RefusalReason.QueueFull, "", retryHere: null, timeoutMicroseconds);

        Assert.Equal(left, run.Remaining(Now));
        Assert.Equal(left - 20_000, run.Remaining(Now + 20_000));
    }
}
