namespace Gateway.Server.Proxy.Metrics;

/// <summary>Which limit a proxied request was refused for.</summary>
internal enum LimitReason
{
    /// <summary>Requests a window, or those under way with as many waiting as may.</summary>
    Rate,
    RequestBytes,
    ResponseBytes,
    Timeout,
}
