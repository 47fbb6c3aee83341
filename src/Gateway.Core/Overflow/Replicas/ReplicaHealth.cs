namespace Gateway.Core.Overflow.Replicas;

/// <summary>Whether a replica gets requests, by what became of earlier ones: out after failures, back by one request, then by a growing share.</summary>
/// <remarks>
/// <b>Behaviour</b>: a refusal is an answer, not a failure. Slowness is no reason to be thrown out: the replica's own reports and the time-out of each hop see to that.
/// <b>Threading</b>: any. <b>Cost</b>: a read while all is well; no allocation.
/// </remarks>
/// <param name="seed">Makes the pauses of gateways that watch the same replica differ.</param>
public sealed class ReplicaHealth(ulong seed)
{
    private const int MostFailures = 3;
    private const int MostDoublings = 5;
    private const long FirstPause = 1_000_000;
    private const long SlowStart = 5_000_000;
    private const long Forgiven = 30_000_000;
    private const long LeastStall = 150_000;
    private const double FirstShare = 0.1;

    private readonly Lock _lock = new();
    private ulong _random = seed | 1;
    private volatile HealthState _state;
    private int _failures;
    private int _ejections;
    private long _until;
    private bool _isProbed;
    private int _inFlight;
    private long _progressAt;
    private long _promised;

    public HealthState State => _state;

    /// <summary>Times that it was thrown out, since the start.</summary>
    public long Ejections { get; private set; }

    /// <summary>Requests that it has not answered.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Whether it may get a request.</summary>
    /// <param name="now">Microseconds.</param>
    /// <param name="random">32 random bits.</param>
    /// <param name="mayEject">Whether there are others, so that it can be done without.</param>
    public bool Admits(long now, uint random, bool mayEject)
    {
        if (State == HealthState.Healthy && !IsStalled(now)) return true;
        lock (_lock)
        {
            if (_state is HealthState.Healthy or HealthState.SlowStart && mayEject && IsStalled(now)) EjectUnderLock(now);
            if (_state == HealthState.Ejected && now >= _until)
            {
                _state = HealthState.HalfOpen;
                _isProbed = false;
            }

            return _state switch
            {
                HealthState.Ejected => false,
                HealthState.HalfOpen => !_isProbed,
                HealthState.SlowStart => random < ShareUnderLock(now) * uint.MaxValue,
                _ => true,
            };
        }
    }

    /// <summary>A request is sent to it.</summary>
    /// <param name="promised">Microseconds after which its answer is expected.</param>
    /// <param name="isProbe">Whether it is the one that tries it; <see cref="Abandon"/> wants to know.</param>
    /// <returns>False when another request has become the one that tries it.</returns>
    public bool TryBegin(long now, long promised, out bool isProbe)
    {
        lock (_lock)
        {
            isProbe = _state == HealthState.HalfOpen;
            if (isProbe && _isProbed) return false;
            if (isProbe) _isProbed = true;
            if (_inFlight++ == 0)
            {
                Volatile.Write(ref _progressAt, now);
                Volatile.Write(ref _promised, promised);
            }
            else if (promised > _promised)
            {
                Volatile.Write(ref _promised, promised);
            }
        }

        return true;
    }

    /// <summary>It has answered, be it with a refusal.</summary>
    public void Succeed(long now)
    {
        lock (_lock)
        {
            EndUnderLock(now);
            _failures = 0;
            switch (_state)
            {
                case HealthState.HalfOpen or HealthState.Ejected:
                    _state = HealthState.SlowStart;
                    _until = now + SlowStart;
                    break;
                case HealthState.SlowStart when now >= _until:
                    _state = HealthState.Healthy;
                    _until = now + Forgiven;
                    break;
                case HealthState.Healthy when _ejections > 0 && now >= _until:
                    _ejections = 0;
                    break;
            }
        }
    }

    /// <summary>It has not answered, or not sensibly.</summary>
    /// <param name="isRefusedConnection">Whether nobody listens there: no more is needed to know.</param>
    /// <param name="mayEject">Whether there are others, so that it can be done without.</param>
    public void Fail(long now, bool isRefusedConnection, bool mayEject)
    {
        lock (_lock)
        {
            EndUnderLock(now);
            _failures++;
            bool isOut = _state switch
            {
                HealthState.HalfOpen => true,
                HealthState.Ejected => false,
                _ => isRefusedConnection || _failures >= MostFailures,
            };
            if (isOut && (mayEject || _state == HealthState.HalfOpen)) EjectUnderLock(now);
        }
    }

    /// <summary>A request was given up by its own client: that says nothing of the replica.</summary>
    public void Abandon(bool isProbe)
    {
        lock (_lock)
        {
            if (--_inFlight == 0) Volatile.Write(ref _promised, 0);
            if (isProbe && _state == HealthState.HalfOpen) _isProbed = false;
        }
    }

    /// <summary>It has been started anew: what was is past.</summary>
    public void Forget()
    {
        lock (_lock)
        {
            _state = HealthState.Healthy;
            _failures = 0;
            _ejections = 0;
        }
    }

    private void EndUnderLock(long now)
    {
        Volatile.Write(ref _progressAt, now);
        if (--_inFlight == 0) Volatile.Write(ref _promised, 0);
    }

    /// <summary>Whether it has requests, and has answered none of them for three times as long as it promised.</summary>
    private bool IsStalled(long now) =>
        Volatile.Read(ref _inFlight) > 0 && now - Volatile.Read(ref _progressAt) > Math.Max(LeastStall, 3 * Volatile.Read(ref _promised));

    private void EjectUnderLock(long now)
    {
        Ejections++;
        long pause = FirstPause << Math.Min(_ejections, MostDoublings);
        _ejections++;

        // A fifth more or less (xorshift).
        _random ^= _random << 13;
        _random ^= _random >> 7;
        _random ^= _random << 17;
        _until = now + (long)(pause * (0.8 + (0.4 * (_random >> 11) / (1UL << 53))));
        _state = HealthState.Ejected;
        _failures = 0;
    }

    private double ShareUnderLock(long now) => Math.Clamp(1 - ((1 - FirstShare) * (_until - now) / SlowStart), FirstShare, 1);
}
