namespace Gateway.Client.Calls;

/// <summary>A call that may take several attempts.</summary>
/// <param name="first">How the first attempt failed, if it has been made.</param>
internal sealed class RetryState(Func<AwaitedCall> make, long deadline, CallFailure? first, CancellationToken cancellation)
{
    private CallFailure? _first = first;

    public Func<AwaitedCall> Make => make;

    public long Deadline => deadline;

    /// <summary>The caller's.</summary>
    public CancellationToken Cancellation => cancellation;

    public CallFailure? Latest { get; set; } = first;

    /// <summary>The failure of the first attempt, once.</summary>
    public CallFailure? TakeFirst()
    {
        CallFailure? failure = _first;
        _first = null;
        return failure;
    }
}
