using Gateway.Core.Diagnostics;
using Gateway.Core.Overflow;

namespace Gateway.Server.Overflow;

/// <summary>What was decided about requests for which other servers were looked at, and about those that others have forwarded.</summary>
/// <remarks><b>Threading</b>: any.</remarks>
internal sealed class OverflowCounts
{
    private long _local;
    private long _forwarded;
    private long _refused;
    private long _taken;
    private long _declined;
    private readonly Lock _hopLock = new();
    private readonly DurationHistogram _hops = new();

    public long Local => Volatile.Read(ref _local);

    public long Forwarded => Volatile.Read(ref _forwarded);

    public long Refused => Volatile.Read(ref _refused);

    /// <summary>Forwarded by another gateway, and served here.</summary>
    public long Taken => Volatile.Read(ref _taken);

    /// <summary>Forwarded by another gateway, and sent back.</summary>
    public long Declined => Volatile.Read(ref _declined);

    public void Count(OverflowKind kind)
    {
        switch (kind)
        {
            case OverflowKind.Local:
                Interlocked.Increment(ref _local);
                break;
            case OverflowKind.Forward:
                Interlocked.Increment(ref _forwarded);
                break;
            default:
                Interlocked.Increment(ref _refused);
                break;
        }
    }

    /// <summary>A replica has answered a request.</summary>
    /// <param name="microseconds">From its sending to the whole answer.</param>
    public void NoteHop(long microseconds)
    {
        lock (_hopLock) _hops.Add(1000 * microseconds);
    }

    /// <summary>What answers of replicas took.</summary>
    public DurationHistogram Hops()
    {
        DurationHistogram copy = new();
        lock (_hopLock) _hops.CopyTo(copy);
        return copy;
    }

    public void CountForwarded(bool isTaken)
    {
        if (isTaken) Interlocked.Increment(ref _taken);
        else Interlocked.Increment(ref _declined);
    }
}
