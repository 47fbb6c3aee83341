using Gateway.Server.Hosting;

namespace Gateway.Server.Grpc.Http2;

/// <summary>Tells from what comes, and when, whether a connection's client is there.</summary>
/// <remarks><b>Threading</b>: the connection's reader notes, a timer's thread looks, once a second.</remarks>
internal sealed class Liveness(KeepAliveTimes times, TimeProvider time)
{
    // Clients keep an idle channel for hours, as Triton lets them.
    private static readonly TimeSpan LongestIdle = TimeSpan.FromDays(1);

    // As long as any answer may be left by a client that its user keeps busy.
    private static readonly TimeSpan LongestFlush = CallTimer.StreamGrace;

    private readonly long _opened = time.GetTimestamp();
    private long _lastRead = time.GetTimestamp();
    private long _lastBegan;
    private long _pinged;

    public static ReadOnlySpan<byte> KeepAlivePing => "keepaliv"u8;

    public static ReadOnlySpan<byte> GoodbyePing => "goodbye!"u8;

    /// <summary>When a header block began that is not complete; 0 for none.</summary>
    public long BlockBegan
    {
        set => Volatile.Write(ref _lastBegan, value);
    }

    public void OnRead(long now)
    {
        Volatile.Write(ref _lastRead, now);
        if (_pinged != 0) Volatile.Write(ref _pinged, 0);
    }

    /// <param name="isGreeted">Whether the client has sent its settings.</param>
    /// <param name="flushBegan">Since when what was sent is not taken; 0 where it is.</param>
    public Pulse Look(long now, bool isGreeted, long flushBegan)
    {
        if (!isGreeted) return IsOver(_opened, now, FrontDoor.HeadersTimeout) ? Pulse.Gone : Pulse.Well;
        if (IsOver(Volatile.Read(ref _lastBegan), now, FrontDoor.HeadersTimeout) || IsOver(flushBegan, now, LongestFlush)) return Pulse.Gone;
        long pinged = Volatile.Read(ref _pinged);
        if (pinged != 0) return IsOver(pinged, now, times.Patience) ? Pulse.Gone : Pulse.Well;
        long lastRead = Volatile.Read(ref _lastRead);
        if (IsOver(lastRead, now, LongestIdle)) return Pulse.Idle;
        if (!IsOver(lastRead, now, times.Silence)) return Pulse.Well;
        Volatile.Write(ref _pinged, now);
        return Pulse.Silent;
    }

    private bool IsOver(long since, long now, TimeSpan most) => since != 0 && now > since && time.GetElapsedTime(since, now) > most;
}
