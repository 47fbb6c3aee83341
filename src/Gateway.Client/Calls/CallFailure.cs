namespace Gateway.Client.Calls;

/// <summary>Why an attempt at a call failed.</summary>
/// <param name="Error">What the caller gets if there is no other attempt; thrown once.</param>
internal sealed record CallFailure(FailureKind Kind, Exception Error)
{
    /// <summary>Where the attempt was made: another one is better made elsewhere.</summary>
    public Endpoints.Endpoint? Where { get; init; }

    /// <summary>When the server wants another attempt; null where it says nothing.</summary>
    public TimeSpan? RetryAfter { get; init; }

    public static CallFailure Cancelled(CancellationToken token) => new(FailureKind.Final, new OperationCanceledException("The call was cancelled.", token));

    public static CallFailure Expired() => new(FailureKind.Final, new TimeoutException("The call was not answered within its deadline."));

    public static CallFailure Disposed() => new(FailureKind.Final, new ObjectDisposedException(nameof(InferenceClient)));
}
