namespace Gateway.Server.Proxy.Configuration;

/// <summary>How often what failed is tried again, at another destination where there is one.</summary>
/// <remarks>
/// Tried again is what never left (no connection could be made, or a circuit is open) while its body is untouched; and of idempotent methods (GET, HEAD, OPTIONS,
/// TRACE, PUT, DELETE) what failed before a response came, timed out, or was answered 502, 503 or 504.
/// </remarks>
public sealed record RetryOptions
{
    /// <summary>Attempts after the first: 1 to 10.</summary>
    public int MaxRetries { get; init; } = 1;

    /// <summary>Wait before the first retry, doubled for each further one, with jitter: 0 to 10 s.</summary>
    public TimeSpan Delay { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>Retries allowed for each request, in the long run: above 0, to 1. With few requests, ten retries are allowed at once.</summary>
    public double Budget { get; init; } = 0.1;

    /// <summary>Largest body, in bytes, of a PUT or DELETE that is held in memory to be sent again: 0 to 1 MiB. It must have said its length.</summary>
    public int MaxBodyBytes { get; init; } = 64 * 1024;
}
