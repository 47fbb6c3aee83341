namespace Gateway.Server.Proxy.Resilience;

/// <summary>Bounds retries to a share of the requests, so that an upstream in trouble is not given more of it.</summary>
/// <remarks><b>Behaviour</b>: each request earns its share of a retry, of which <see cref="Most"/> can be saved; it begins full. <b>Threading</b>: any. <b>Cost</b>: one atomic addition.</remarks>
internal sealed class RetryBudget(double share)
{
    /// <summary>Retries that can be saved: so many may follow each other when there are few requests.</summary>
    public const int Most = 10;

    private const long Whole = 1_000_000;

    private readonly long _share = (long)(share * Whole);
    private long _saved = Most * Whole;

    public void Earn()
    {
        long saved = Volatile.Read(ref _saved);
        while (saved < Most * Whole)
        {
            long seen = Interlocked.CompareExchange(ref _saved, Math.Min(Most * Whole, saved + _share), saved);
            if (seen == saved) return;
            saved = seen;
        }
    }

    public bool TryTake()
    {
        long saved = Volatile.Read(ref _saved);
        while (saved >= Whole)
        {
            long seen = Interlocked.CompareExchange(ref _saved, saved - Whole, saved);
            if (seen == saved) return true;
            saved = seen;
        }

        return false;
    }
}
