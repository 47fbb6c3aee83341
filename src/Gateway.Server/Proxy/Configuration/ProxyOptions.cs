namespace Gateway.Server.Proxy.Configuration;

/// <summary>What holds for every proxied route that does not say otherwise: section <c>Gateway:Proxy</c>.</summary>
public sealed record ProxyOptions
{
    /// <summary>Largest body of a proxied request, in bytes, at least 1; null for <c>--http-max-input-size</c>. A route's own word is <c>MaxRequestBodySize</c> (-1 for none).</summary>
    public long? MaxRequestBytes { get; init; }

    /// <summary>Largest body of an upstream's response, in bytes, at least 1; null for no limit. A route's own word is the metadata <c>MaxResponseBytes</c>.</summary>
    public long? MaxResponseBytes { get; init; }

    /// <summary>Time from a request's arrival to the end of its response, above zero; null for no limit. A route's own words are <c>Timeout</c> and <c>TimeoutPolicy: Disable</c>.</summary>
    public TimeSpan? Timeout { get; init; }
}
