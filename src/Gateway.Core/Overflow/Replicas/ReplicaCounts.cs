namespace Gateway.Core.Overflow.Replicas;

/// <summary>What became of the requests that a replica was sent: sent = answered + refused + failed + timed out + abandoned, but for those in flight.</summary>
/// <remarks><b>Threading</b>: any.</remarks>
public sealed class ReplicaCounts
{
    private long _sent;
    private long _answered;
    private long _refused;
    private long _failed;
    private long _timedOut;
    private long _abandoned;

    public long Sent => Volatile.Read(ref _sent);

    /// <summary>Answered, with a result or with an error of the request's own.</summary>
    public long Answered => Volatile.Read(ref _answered);

    /// <summary>It could not serve them in time.</summary>
    public long Refused => Volatile.Read(ref _refused);

    /// <summary>No connection, or half an answer, or none that makes sense.</summary>
    public long Failed => Volatile.Read(ref _failed);

    /// <summary>No answer in the time of the hop.</summary>
    public long TimedOut => Volatile.Read(ref _timedOut);

    /// <summary>Their client has gone.</summary>
    public long Abandoned => Volatile.Read(ref _abandoned);

    public void CountSent() => Interlocked.Increment(ref _sent);

    public void CountAnswered() => Interlocked.Increment(ref _answered);

    public void CountRefused() => Interlocked.Increment(ref _refused);

    public void CountFailed() => Interlocked.Increment(ref _failed);

    public void CountTimedOut() => Interlocked.Increment(ref _timedOut);

    public void CountAbandoned() => Interlocked.Increment(ref _abandoned);
}
