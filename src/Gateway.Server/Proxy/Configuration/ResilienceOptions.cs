namespace Gateway.Server.Proxy.Configuration;

/// <summary>How calls to a cluster's destinations are guarded: section <c>Gateway:Resilience:&lt;cluster&gt;</c>.</summary>
public sealed record ResilienceOptions
{
    /// <summary>Time for a connection to be made, TLS included: above zero; null for 15 s.</summary>
    public TimeSpan? ConnectTimeout { get; init; }

    /// <summary>Time for one attempt until the response's headers are there, the sending of the request's body included: above zero; null for no limit.</summary>
    public TimeSpan? FirstByteTimeout { get; init; }

    /// <summary>Time for a whole request, retries and the response's body included: above zero. Becomes the <c>Timeout</c> of the cluster's routes that have none.</summary>
    public TimeSpan? TotalTimeout { get; init; }

    /// <summary>Null for no retries.</summary>
    public RetryOptions? Retry { get; init; }

    /// <summary>Null for no circuit breaker.</summary>
    public CircuitOptions? CircuitBreaker { get; init; }
}
