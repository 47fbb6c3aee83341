namespace Gateway.Core.Overflow;

/// <summary>What further attempts cost: each takes a token, and each answer that came earns a tenth of one, so that attempts can grow by a tenth and no more, whatever fails.</summary>
/// <remarks><b>Threading</b>: any. <b>Cost</b>: one atomic operation; no allocation.</remarks>
public sealed class RetryBudget
{
    // A tenth, and what is saved up: Google's "Site Reliability Engineering", on handling overload, has the same tenth.
    private const int Token = 10;
    private const int Most = 20 * Token;

    private int _tenths = Most;

    public bool HasToken => Volatile.Read(ref _tenths) >= Token;

    /// <returns>False when there is none.</returns>
    public bool TrySpend()
    {
        while (true)
        {
            int before = Volatile.Read(ref _tenths);
            if (before < Token) return false;
            if (Interlocked.CompareExchange(ref _tenths, before - Token, before) == before) return true;
        }
    }

    /// <summary>A forwarded request was answered.</summary>
    public void Earn()
    {
        int before = Volatile.Read(ref _tenths);
        if (before < Most) Interlocked.CompareExchange(ref _tenths, before + 1, before);
    }
}
