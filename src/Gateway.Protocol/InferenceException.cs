namespace Gateway.Protocol;

/// <summary>A request failed with a status and a text meant for the client.</summary>
/// <remarks>Thrown on cold paths only (bad input, lookups); what the engine refuses or fails at speed is a <see cref="StatusCode"/> in the response.</remarks>
public sealed class InferenceException(StatusCode status, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Never <see cref="StatusCode.Ok"/>.</summary>
    public StatusCode Status { get; } = status;

    /// <summary>After which time another try makes sense; null when nothing is known about that. Seen by clients.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Why a request was refused, in one word such as <c>deadline_unreachable</c>; null where it was not, or nothing is known about that. Seen by clients.</summary>
    public string? Refusal { get; init; }
}
