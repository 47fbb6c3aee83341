namespace Gateway.Server.Proxy.Responses;

/// <summary>An upstream's response is larger than its route allows.</summary>
internal sealed class ResponseTooLargeException(long limit) : IOException($"The upstream's response is larger than the {limit} bytes that the route allows.");
