namespace Gateway.Core.Overflow;

/// <summary>Bounds further attempts to a share of the requests, so that who is in trouble is not given more: each attempt takes a token, and each <see cref="Earn"/> brings a share of one.</summary>
/// <remarks><b>Behaviour</b>: it begins full. <b>Threading</b>: any. <b>Cost</b>: one atomic operation; no allocation.</remarks>
/// <param name="share">What is earned at a time, in tokens. A tenth is that of Google's "Site Reliability Engineering", on handling overload.</param>
/// <param name="most">Tokens that can be saved: so many attempts may follow each other when there are few requests.</param>
public sealed class RetryBudget(double share = 0.1, int most = 20)
{
    private const long Token = 1_000_000;

    private readonly long _share = (long)(share * Token);
    private readonly long _most = most * Token;
    private long _saved = most * Token;
    private long _denied;

    /// <summary>Whole tokens that are saved.</summary>
    public long Saved => Volatile.Read(ref _saved) / Token;

    /// <summary>Times that there was none to spend.</summary>
    public long Denied => Volatile.Read(ref _denied);

    public bool HasToken => Volatile.Read(ref _saved) >= Token;

    /// <returns>False when there is none.</returns>
    public bool TrySpend()
    {
        long saved = Volatile.Read(ref _saved);
        while (saved >= Token)
        {
            long seen = Interlocked.CompareExchange(ref _saved, saved - Token, saved);
            if (seen == saved) return true;
            saved = seen;
        }

        Interlocked.Increment(ref _denied);
        return false;
    }

    /// <summary>What was spent was not needed.</summary>
    public void GiveBack() => Add(Token);

    /// <summary>A request has earned its share.</summary>
    public void Earn() => Add(_share);

    private void Add(long share)
    {
        long saved = Volatile.Read(ref _saved);
        while (saved < _most)
        {
            long seen = Interlocked.CompareExchange(ref _saved, Math.Min(_most, saved + share), saved);
            if (seen == saved) return;
            saved = seen;
        }
    }
}
