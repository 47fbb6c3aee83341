namespace Gateway.Core.Tenants;

/// <summary>A rate with a burst: so many tokens a second, of which at most a burst is saved up.</summary>
/// <remarks>
/// <para>
/// <b>Behaviour</b>: the generic cell rate algorithm, which keeps one number instead of a level and its time: when the bucket would be full again. The framework's
/// <c>TokenBucketRateLimiter</c> takes a lock for each token, makes an object for each refusal that says when to come back (refusals are what there are most of when it
/// matters), refills by a timer or by its own clock, and cannot be overdrawn.
/// </para>
/// <para><b>Threading</b>: any thread, without a lock. <b>Cost</b>: one compare-and-swap; no allocation.</para>
/// </remarks>
public sealed class TokenBucket
{
    private const long SecondsADay = 24 * 60 * 60;

    private readonly double _ticksAToken;
    private readonly long _burstTicks;
    private readonly long _mostDebt;
    private long _fullAt = long.MinValue / 2;

    /// <param name="perSecond">Tokens a second, above 0.</param>
    /// <param name="burst">Tokens that a full bucket holds, at least 1.</param>
    /// <param name="frequency">Timestamp ticks a second.</param>
    public TokenBucket(double perSecond, double burst, long frequency)
    {
        _ticksAToken = frequency / perSecond;
        _burstTicks = (long)Math.Max(1, Math.Min(long.MaxValue / 8, burst * _ticksAToken));
        _mostDebt = SecondsADay * frequency;
    }

    /// <summary>When it is full again; a timestamp.</summary>
    public long FullAt => Volatile.Read(ref _fullAt);

    /// <summary>Takes one token if the bucket holds one.</summary>
    /// <param name="wait">Ticks until it will, if it does not.</param>
    public bool TryTake(long now, out long wait)
    {
        long cost = (long)_ticksAToken;
        while (true)
        {
            long before = Volatile.Read(ref _fullAt);
            long after = Math.Max(before, now) + cost;
            wait = after - now - Math.Max(_burstTicks, cost);
            if (wait > 0) return false;
            if (Interlocked.CompareExchange(ref _fullAt, after, before) == before) return true;
        }
    }

    /// <summary>Whether the bucket is not overdrawn, or empty.</summary>
    /// <param name="wait">Ticks until it will hold something, if it does not.</param>
    public bool HasAny(long now, out long wait)
    {
        wait = Volatile.Read(ref _fullAt) - now - _burstTicks + 1;
        return wait <= 0;
    }

    /// <summary>Takes so many tokens whether the bucket holds them or not: what it then lacks has to come in before it holds any again.</summary>
    /// <param name="tokens">Below zero for what was drawn and is given back.</param>
    public void Draw(long now, int tokens)
    {
        // A day of debt at most: no request is worth more, and the sum cannot overflow.
        double most = _burstTicks + (double)_mostDebt;
        long cost = (long)Math.Clamp(tokens * _ticksAToken, -most, most);
        while (true)
        {
            long before = Volatile.Read(ref _fullAt);
            long after = Math.Min(Math.Max(before, now) + cost, now + _burstTicks + _mostDebt);
            if (Interlocked.CompareExchange(ref _fullAt, after, before) == before) return;
        }
    }
}
