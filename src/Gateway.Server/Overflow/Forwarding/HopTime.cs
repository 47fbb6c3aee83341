namespace Gateway.Server.Overflow.Forwarding;

/// <summary>How long an answer is waited for: a hop's time until it is there as a whole, or has begun to be passed on; from then on each piece has its own.</summary>
/// <remarks><b>Threading</b>: one at a time, but for the cancellation.</remarks>
internal sealed class HopTime : IDisposable
{
    // Of a replica that is the only one left to be asked it is waited as long for its answer; what has been passed on in part cannot be asked of another either.
    private static readonly TimeSpan MostSilence = TimeSpan.FromSeconds(30);

    // What a timer can be set to.
    private const double MostMilliseconds = int.MaxValue;

    private readonly CancellationTokenSource _over;
    private readonly TimeProvider _time;
    private readonly long _start;
    private readonly double _remainingMilliseconds;

    /// <param name="hop">Until there is an answer, or the first piece of one.</param>
    /// <param name="remainingMicroseconds">Until the client's time is over; <see cref="long.MaxValue"/> for never.</param>
    /// <param name="aborted">Fires when the client has gone.</param>
    public HopTime(TimeSpan hop, long remainingMicroseconds, TimeProvider time, CancellationToken aborted)
    {
        _time = time;
        _start = time.GetTimestamp();
        _remainingMilliseconds = remainingMicroseconds == long.MaxValue ? double.PositiveInfinity : remainingMicroseconds / 1000.0;
        _over = CancellationTokenSource.CreateLinkedTokenSource(aborted);
        _over.CancelAfter(hop);
    }

    /// <summary>Fires when time is over, or the client has gone.</summary>
    public CancellationToken Over => _over.Token;

    /// <summary>It is the client's turn, whose connection has limits of its own: only its deadline counts.</summary>
    public void AwaitClient() => _over.CancelAfter(double.IsInfinity(_remainingMilliseconds) ? Timeout.InfiniteTimeSpan : Left());

    /// <summary>The next piece is to come.</summary>
    public void AwaitNext() => _over.CancelAfter(Left() < MostSilence ? Left() : MostSilence);

    public void Dispose() => _over.Dispose();

    private TimeSpan Left() => TimeSpan.FromMilliseconds(Math.Clamp(_remainingMilliseconds - _time.GetElapsedTime(_start).TotalMilliseconds, 0, MostMilliseconds));
}
