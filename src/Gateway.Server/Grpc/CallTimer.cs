using Gateway.Server.Grpc.Wire;

namespace Gateway.Server.Grpc;

/// <summary>Ends a call whose time is over, whose message comes too slowly, or whose answer is not taken: that call and no other of its connection.</summary>
/// <remarks>
/// <b>Behaviour</b>: what the web server has for this gives up the connection, with all its calls. The time that a client is given for a message is that in which the
/// server waits for it: <see cref="Grace"/>, and beyond that as long as it comes at <see cref="LeastRate"/>; likewise for what it is to take, at <see cref="LeastTaken"/>. Between the messages of a
/// stream a client may be silent as long as it likes. <b>Threading</b>: the call's, one wait to read and one to write at a time, and the timer's. <b>Cost</b>: nothing for
/// calls that need not wait; the timer lives as long as the stream, which serves one call after the other, and one that is late for a call finds the next as it is.
/// </remarks>
internal sealed class CallTimer(GrpcCall call)
{
    /// <summary>Bytes a second below which a message comes too slowly; this and the grace are Kestrel's defaults for bodies.</summary>
    public const int LeastRate = 240;

    /// <summary>Bytes a second at which an answer is to be taken, on average: how far a client has come with it cannot be seen. A link is faster, and so is all but the slowest reader.</summary>
    public const int LeastTaken = 8 * 1024;

    /// <summary>Time in which any rate will do.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    /// <summary>Likewise, for what a stream's client is to take: clients' libraries do not read on while they have their user look at an answer.</summary>
    public static readonly TimeSpan StreamGrace = TimeSpan.FromMinutes(5);

    private static readonly TimeProvider Time = TimeProvider.System;

    // A stream that is gone is kept by its timer for so long.
    private static readonly TimeSpan Longest = Grace;

    // Timers that come so much too late say that the whole process had no core.
    private static readonly TimeSpan Late = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private ITimer? _timer;
    private long _armedFor = long.MaxValue;
    private long _deadline = long.MaxValue;
    private long _readBy = long.MaxValue;
    private long _readSince;
    private long _readWaited;
    private int _message;
    private long _flushBy = long.MaxValue;
    private bool _isReading;
    private bool _isFlushing;
    private bool _isUsed;
    private volatile CallEnd _end;

    /// <summary>Why the call's reading has been ended; None while it has not.</summary>
    public CallEnd End => _end;

    public static GrpcException TimeOver() => new(GrpcStatus.DeadlineExceeded, "Deadline Exceeded");

    /// <summary>Begins to wait for more of the call.</summary>
    /// <param name="reader">What has come of the message.</param>
    /// <param name="isTimed">False between the messages of a stream.</param>
    /// <param name="left">How long the call may take from now on; null for as long as it likes.</param>
    public void BeginRead(GrpcMessageReader reader, bool isTimed, TimeSpan? left)
    {
        lock (_lock)
        {
            long now = Time.GetTimestamp();
            _isUsed = _isReading = true;
            if (reader.Number != _message) (_message, _readWaited) = (reader.Number, 0);
            _readSince = now;
            _readBy = isTimed ? now + Math.Max(0, Allowance(reader.Received, LeastRate) - _readWaited) : long.MaxValue;
            _deadline = left is { } time ? now + Ticks(time) : long.MaxValue;
            ArmUnderLock(now);
        }
    }

    /// <summary>The wait is over; costs next to nothing where there was none.</summary>
    /// <exception cref="GrpcException">The call's time is over, or the client too slow.</exception>
    public void EndRead()
    {
        if (!_isReading) return;
        lock (_lock)
        {
            _isReading = false;
            _readWaited += Time.GetTimestamp() - _readSince;
        }

        if (_end == CallEnd.None) return;
        throw _end == CallEnd.TimeOver ? TimeOver() : new GrpcException(GrpcStatus.Cancelled, $"the message came at less than {LeastRate} bytes a second");
    }

    /// <summary>Begins to wait until the client has taken so many bytes; if it does not, its stream is reset.</summary>
    /// <param name="isStream">Whether others of the same call may follow.</param>
    public void BeginFlush(long bytes, bool isStream = false)
    {
        lock (_lock)
        {
            long now = Time.GetTimestamp();
            _isUsed = _isFlushing = true;
            _flushBy = now + Math.Max(isStream ? Ticks(StreamGrace) : 0, Allowance(bytes, LeastTaken));
            ArmUnderLock(now);
        }
    }

    /// <summary>Likewise, unless it has begun.</summary>
    public void EnsureFlush(long bytes, bool isStream)
    {
        if (!_isFlushing) BeginFlush(bytes, isStream);
    }

    public void EndFlush()
    {
        if (!_isFlushing) return;
        lock (_lock) _isFlushing = false;
    }

    /// <summary>The call is over: nothing is ended any more once this returns.</summary>
    public void Clear()
    {
        if (!_isUsed) return;
        lock (_lock)
        {
            _isUsed = _isReading = _isFlushing = false;
            _readWaited = _message = 0;
            _end = CallEnd.None;
        }
    }

    private void ArmUnderLock(long now)
    {
        long due = Math.Min(_isReading ? Math.Min(_readBy, _deadline) : long.MaxValue, _isFlushing ? _flushBy : long.MaxValue);
        if (due == long.MaxValue) return;
        due = Math.Min(due, now + Ticks(Longest));
        if (due >= _armedFor) return;
        _armedFor = due;

        // The framework's clock, since the engine's is made for a few timers. It may ring a little early: better late than twice.
        TimeSpan wait = Time.GetElapsedTime(now, Math.Max(now, due)) + TimeSpan.FromMilliseconds(1);
        _timer ??= Time.CreateTimer(static timer => ((CallTimer)timer!).OnTime(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _timer.Change(wait, Timeout.InfiniteTimeSpan);
    }

    private void OnTime()
    {
        lock (_lock)
        {
            long now = Time.GetTimestamp();
            long late = now - _armedFor;
            _armedFor = long.MaxValue;
            if (late > Ticks(Late))
            {
                // The server was held up itself, and may not have read what has long arrived.
                if (_readBy < long.MaxValue) _readBy += late;
                if (_flushBy < long.MaxValue) _flushBy += late;
            }

            if (_isFlushing && now >= _flushBy)
            {
                _isFlushing = false;
                call.Reset();
            }

            if (_isReading && _end == CallEnd.None && now >= Math.Min(_readBy, _deadline))
            {
                _end = now >= _deadline ? CallEnd.TimeOver : CallEnd.TooSlow;
                _readBy = _deadline = long.MaxValue;
                call.CancelRead();
            }

            ArmUnderLock(now);
        }
    }

    private static long Allowance(long bytes, int rate) => Math.Max(Ticks(Grace), (long)((double)bytes / rate * Time.TimestampFrequency));

    private static long Ticks(TimeSpan time) => (long)(time.TotalSeconds * Time.TimestampFrequency);
}
