namespace Gateway.Core.Overflow;

/// <summary>One request, as far as the decision where it is served goes by it. Times in microseconds.</summary>
/// <param name="Local">Time until it would be answered here; <see cref="Never"/> for a model that is not served here.</param>
/// <param name="HasRoom">Whether the queue here takes one more.</param>
/// <param name="Remaining">Time until its deadline; <see cref="Never"/> for none.</param>
/// <param name="Floor">Time below which it is served here without looking further.</param>
/// <param name="Hop">What the way to a replica and back takes.</param>
/// <param name="IsForwarded">Whether another gateway has forwarded it: it is not forwarded again.</param>
/// <param name="IsServing">Whether this gateway takes new requests.</param>
/// <param name="Attempt">How often it has been decided on before.</param>
/// <param name="Patience">Time for which the gateway that has forwarded it waits before it tries elsewhere; <see cref="Never"/> for one that has not said.</param>
/// <param name="HasToken">Whether the budget for further attempts has something left; looked at from the second attempt on.</param>
public readonly record struct OverflowQuestion(
    long Local, bool HasRoom, long Remaining, long Floor, long Hop, bool IsForwarded = false, bool IsServing = true, int Attempt = 0, bool HasToken = true, long Patience = OverflowQuestion.Never)
{
    public const long Never = long.MaxValue;

    public bool IsServedHere => Local != Never;
}
