namespace Gateway.Core.Caching;

/// <summary>What a model's <c>gateway.json</c> says of its cache.</summary>
public sealed record ModelCacheConfig
{
    /// <summary>Whether its answers are kept; null leaves it to <c>response_cache</c> in <c>config.pbtxt</c>.</summary>
    public bool? Enable { get; init; }

    /// <summary>How long an answer may be used, above 0; null for as long as it is there.</summary>
    public TimeSpan? TimeToLive { get; init; }

    /// <summary>Most bytes that its answers may take, in memory and on disk together, at least 1; null for all there is.</summary>
    public long? MaxBytes { get; init; }

    /// <summary>Whether each answer is kept by one of the gateways that are each other's replicas, and computed there; off unless asked for.</summary>
    public bool Affinity { get; init; }

    /// <summary>A file in the model's folder with a request in JSON on each line, which are asked for once the server has started; null for none.</summary>
    public string? WarmUp { get; init; }
}
