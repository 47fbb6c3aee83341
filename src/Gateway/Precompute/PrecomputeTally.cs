namespace Gateway.Precompute;

/// <summary>What became of the requests so far.</summary>
/// <remarks><b>Threading</b>: any.</remarks>
internal sealed class PrecomputeTally
{
    private long _there;
    private long _kept;
    private long _notKept;
    private long _collapsed;
    private long _failed;
    private string? _firstFailure;

    /// <summary>Were in the cache already.</summary>
    public long There => Volatile.Read(ref _there);

    public long Kept => Volatile.Read(ref _kept);

    /// <summary>Got the answer of another run of the same, which was under way.</summary>
    public long Collapsed => Volatile.Read(ref _collapsed);

    /// <summary>Run, and not kept: too large, or faster than the disk.</summary>
    public long NotKept => Volatile.Read(ref _notKept);

    public long Failed => Volatile.Read(ref _failed);

    public string? FirstFailure => Volatile.Read(ref _firstFailure);

    /// <param name="status">The answer's <c>Cache-Status</c> (RFC 9211).</param>
    public void Count(string status)
    {
        if (IsNotKept(status)) Interlocked.Increment(ref _notKept);
        else if (status.EndsWith("; hit", StringComparison.Ordinal)) Interlocked.Increment(ref _there);
        else if (status.EndsWith("; stored", StringComparison.Ordinal)) Interlocked.Increment(ref _kept);
        else Interlocked.Increment(ref _collapsed);
    }

    /// <summary>Whether an answer was made for the request, and the cache has it not.</summary>
    /// <param name="status">As above.</param>
    public static bool IsNotKept(string status) =>
        !status.EndsWith("; hit", StringComparison.Ordinal) && !status.EndsWith("; stored", StringComparison.Ordinal) && !status.EndsWith("; collapsed", StringComparison.Ordinal);

    public void CountFailure(string reason)
    {
        Interlocked.Increment(ref _failed);
        Interlocked.CompareExchange(ref _firstFailure, reason, null);
    }
}
