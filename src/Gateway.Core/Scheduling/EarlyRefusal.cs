namespace Gateway.Core.Scheduling;

/// <summary>The refusal of a request that has not been read.</summary>
/// <param name="Text">For the client.</param>
/// <param name="RetryAfter">When another attempt makes sense; null where nothing is known about that.</param>
public readonly record struct EarlyRefusal(RefusalText Text, TimeSpan? RetryAfter)
{
    public RefusalReason Reason => Text.Reason;
}
