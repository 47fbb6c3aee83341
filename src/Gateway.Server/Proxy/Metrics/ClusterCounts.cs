using System.Collections.Concurrent;
using Polly.CircuitBreaker;

namespace Gateway.Server.Proxy.Metrics;

/// <summary>What the guards of one cluster did.</summary>
internal sealed class ClusterCounts
{
    private long _retries;
    private long _denied;
    private long _opened;

    public long Retries => Volatile.Read(ref _retries);

    /// <summary>Retries that the budget did not allow.</summary>
    public long DeniedRetries => Volatile.Read(ref _denied);

    /// <summary>Times that a circuit opened.</summary>
    public long OpenedCircuits => Volatile.Read(ref _opened);

    /// <summary>The circuits there are, by destination.</summary>
    public ConcurrentDictionary<string, CircuitBreakerStateProvider> Circuits { get; } = new(StringComparer.OrdinalIgnoreCase);

    public void Retried() => Interlocked.Increment(ref _retries);

    public void Denied() => Interlocked.Increment(ref _denied);

    public void Opened() => Interlocked.Increment(ref _opened);
}
