namespace Gateway.Core.Overflow.Replicas;

/// <summary>Whether a replica gets requests over one transport, by what became of earlier ones: cold until it is warmed up, out after failures, back by a warm-up and one request, then by a growing share.</summary>
/// <remarks>
/// <code>
/// Cold ──warm-up──► Healthy ──failures──► Ejected ──pause, warm-up──► HalfOpen ──answer──► SlowStart ──5 s──► Healthy
///   ▲                                        ▲                           │ failure
///   └── another boot, away for a time   └───────────────────────────┘
/// </code>
/// <b>Behaviour</b>: a refusal is an answer, not a failure. Slowness is no reason to be thrown out: the replica's own reports and the time-out of each hop see to that. What was sent before it
/// was thrown out, or before it was started anew, says nothing of it afterwards when it fails.
/// <b>Threading</b>: any. <b>Cost</b>: a read while all is well; no allocation.
/// </remarks>
/// <param name="seed">Makes the pauses of gateways that watch the same replica differ.</param>
/// <param name="warmsUp">Whether somebody warms it up; else it is as if that always succeeded at once.</param>
public sealed class ReplicaHealth(ulong seed, bool warmsUp = false)
{
    private const int MostFailures = 3;
    private const int MostDoublings = 5;
    private const int MostWarmUpDoublings = 2;
    private const long FirstPause = 1_000_000;
    private const long SlowStart = 5_000_000;
    private const long Forgiven = 30_000_000;
    private const long LeastStall = 150_000;
    private const double FirstShare = 0.1;

    private readonly Lock _lock = new();
    private ulong _random = seed | 1;
    private volatile HealthState _state = warmsUp ? HealthState.Cold : HealthState.Healthy;

    // What it becomes once it is warm.
    private HealthState _warm = HealthState.Healthy;
    private int _epoch;
    private int _failures;
    private long _failedAt;
    private int _pauses;
    private long _until;
    private bool _isTried;
    private bool _isWarming;
    private int _failedWarmUps;
    private int _inFlight;
    private long _progressAt;
    private long _promised;

    public HealthState State => _state;

    /// <summary>Times that it was thrown out, since the start.</summary>
    public long Ejections { get; private set; }

    /// <summary>Requests that it has not answered.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Whether it was thrown out, or is not known any more, since a request was sent to it.</summary>
    public bool HasChangedSince(in Hop hop) => hop.Epoch != Volatile.Read(ref _epoch);

    /// <summary>Whether it is out, or on trial.</summary>
    public bool IsOut => _state is HealthState.Ejected or HealthState.HalfOpen;

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
            if (_state == HealthState.Ejected && !warmsUp && now >= _until) EnterUnderLock(HealthState.HalfOpen, now);
            return _state switch
            {
                HealthState.Ejected or HealthState.Cold => false,
                HealthState.HalfOpen => !_isTried,
                HealthState.SlowStart => random < ShareUnderLock(now) * uint.MaxValue,
                _ => true,
            };
        }
    }

    /// <summary>Whether it is to be warmed up now, and nobody does; whoever is told so ends it.</summary>
    /// <param name="epoch">For <see cref="EndWarmUp"/>.</param>
    public bool TryBeginWarmUp(long now, out int epoch)
    {
        epoch = _epoch;
        if (_state is not (HealthState.Cold or HealthState.Ejected)) return false;
        lock (_lock)
        {
            epoch = _epoch;
            if (_isWarming || now < _until || _state is not (HealthState.Cold or HealthState.Ejected)) return false;
            return _isWarming = true;
        }
    }

    /// <summary>A warm-up is over.</summary>
    /// <param name="isWarm">Whether it was answered; else the next one has to wait.</param>
    /// <returns>Whether it is another now: warm, where it was not.</returns>
    public bool EndWarmUp(long now, int epoch, bool isWarm)
    {
        lock (_lock)
        {
            _isWarming = false;

            // What was warm has been started anew meanwhile, or has failed.
            if (epoch != _epoch || _state is not (HealthState.Cold or HealthState.Ejected)) return false;
            if (!isWarm)
            {
                PauseUnderLock(now, Math.Min(_failedWarmUps++, MostWarmUpDoublings));
                return false;
            }

            _failedWarmUps = 0;
            EnterUnderLock(_state == HealthState.Cold ? _warm : HealthState.HalfOpen, now);
            return true;
        }
    }

    /// <summary>A request is sent to it.</summary>
    /// <param name="promised">Microseconds after which its answer is expected.</param>
    /// <param name="hop">To be told of when it ends.</param>
    /// <returns>False when another request has become the one that tries it.</returns>
    public bool TryBegin(long now, long promised, out Hop hop)
    {
        lock (_lock)
        {
            bool isTrial = _state == HealthState.HalfOpen;
            hop = new Hop(now, _epoch, isTrial);
            if (isTrial && _isTried) return false;
            if (isTrial) _isTried = true;
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
                    EnterUnderLock(HealthState.SlowStart, now);
                    break;
                case HealthState.SlowStart when now >= _until:
                    EnterUnderLock(HealthState.Healthy, now);
                    break;
                case HealthState.Healthy when _pauses > 0 && now >= _until:
                    _pauses = 0;
                    break;
            }
        }
    }

    /// <summary>It has not answered, or not sensibly.</summary>
    /// <param name="isRefusedConnection">Whether nobody listens there: no more is needed to know.</param>
    /// <param name="mayEject">Whether there are others, so that it can be done without.</param>
    /// <param name="isSlow">Whether it reports all the time that it is well: on trial it is no worse then than it was before.</param>
    public void Fail(long now, in Hop hop, bool isRefusedConnection, bool mayEject, bool isSlow = false)
    {
        lock (_lock)
        {
            EndUnderLock(now);
            if (hop.Epoch != _epoch || _state is HealthState.Ejected or HealthState.Cold) return;
            if (_state == HealthState.HalfOpen)
            {
                if (!hop.IsTrial) return;
                if (isSlow) _pauses = Math.Max(0, _pauses - 1);
                EjectUnderLock(now);
                return;
            }

            // Those that were sent together fail together, and for one reason.
            if (hop.Start < _failedAt) return;
            _failedAt = now;
            _failures++;
            if ((isRefusedConnection || _failures >= MostFailures) && mayEject) EjectUnderLock(now);
        }
    }

    /// <summary>A request was given up by its own client: that says nothing of the replica.</summary>
    public void Abandon(in Hop hop)
    {
        lock (_lock)
        {
            if (--_inFlight == 0) Volatile.Write(ref _promised, 0);
            if (hop.IsTrial && hop.Epoch == _epoch && _state == HealthState.HalfOpen) _isTried = false;
        }
    }

    /// <summary>It is not known any more what it is like: it has been started anew, or has been away for a time. What was its past is forgiven.</summary>
    /// <param name="isRestart">Whether it has been started anew: nothing is compiled there, and no cache has anything.</param>
    public void Cool(long now, bool isRestart)
    {
        lock (_lock)
        {
            if (isRestart) _warm = HealthState.SlowStart;
            else if (_state != HealthState.Cold) _warm = _state == HealthState.Ejected ? HealthState.HalfOpen : _state;
            _epoch++;
            _failures = 0;
            _pauses = 0;
            _until = now;
            if (warmsUp) _state = HealthState.Cold;
            else EnterUnderLock(_warm, now);
        }
    }

    /// <summary>It reports again, after it has not for a moment: what it was thrown out for may have been that it could not be reached.</summary>
    public void Reappear(long now)
    {
        lock (_lock)
        {
            if (_state is not (HealthState.Ejected or HealthState.Cold)) return;
            _until = now;
            _pauses = 0;
        }
    }

    private void EnterUnderLock(HealthState state, long now)
    {
        if (state == HealthState.HalfOpen) _isTried = false;
        if (state == HealthState.SlowStart) _until = now + SlowStart;
        if (state == HealthState.Healthy) _until = now + Forgiven;
        _state = state;
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
        _epoch++;
        _failures = 0;
        PauseUnderLock(now, Math.Min(_pauses++, MostDoublings));
        _state = HealthState.Ejected;
    }

    private void PauseUnderLock(long now, int doublings)
    {
        long pause = FirstPause << doublings;

        // A fifth more or less (xorshift).
        _random ^= _random << 13;
        _random ^= _random >> 7;
        _random ^= _random << 17;
        _until = now + (long)(pause * (0.8 + (0.4 * (_random >> 11) / (1UL << 53))));
    }

    private double ShareUnderLock(long now) => Math.Clamp(1 - ((1 - FirstShare) * (_until - now) / SlowStart), FirstShare, 1);
}
