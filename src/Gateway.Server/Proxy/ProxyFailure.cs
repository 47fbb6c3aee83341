using Gateway.Server.Proxy.Metrics;
using Gateway.Server.Proxy.Responses;
using Microsoft.AspNetCore.Http;
using Polly.CircuitBreaker;
using Polly.Timeout;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Server.Proxy;

/// <summary>What a client is told of a request that could not be forwarded.</summary>
/// <param name="Text">Names the route, never an address behind it.</param>
/// <param name="Limit">The limit that was exceeded; null for none.</param>
internal readonly record struct ProxyFailure(int Status, string Text, TimeSpan? RetryAfter = null, LimitReason? Limit = null)
{
    /// <param name="status">As YARP has it.</param>
    /// <param name="isTimedOut">Whether the route's own time is over.</param>
    public static ProxyFailure Of(ForwarderError error, Exception? exception, int status, string route, bool isTimedOut)
    {
        if (isTimedOut) return new ProxyFailure(StatusCodes.Status504GatewayTimeout, $"route '{route}': not answered within its time", Limit: LimitReason.Timeout);
        if (Find<BrokenCircuitException>(exception) is { } broken)
        {
            return new ProxyFailure(StatusCodes.Status503ServiceUnavailable, $"route '{route}': the upstream fails and is left alone for a while", broken.RetryAfter);
        }

        if (Find<TimeoutRejectedException>(exception) is { } late)
        {
            return new ProxyFailure(StatusCodes.Status504GatewayTimeout, $"route '{route}': the upstream did not answer within {late.Timeout.TotalSeconds:0.###} s");
        }

        if (Find<ResponseTooLargeException>(exception) is not null)
        {
            return new ProxyFailure(StatusCodes.Status502BadGateway, $"route '{route}': the upstream's response is larger than the route allows", Limit: LimitReason.ResponseBytes);
        }

        return error switch
        {
            ForwarderError.NoAvailableDestinations => new ProxyFailure(status, $"route '{route}': no upstream is available", TimeSpan.FromSeconds(1)),
            ForwarderError.RequestBodyClient when status == StatusCodes.Status413PayloadTooLarge => TooLarge(route),
            ForwarderError.RequestBodyClient => new ProxyFailure(status, $"route '{route}': the request's body could not be read"),
            ForwarderError.RequestTimedOut or ForwarderError.UpgradeActivityTimeout => new ProxyFailure(status, $"route '{route}': the upstream was silent for too long"),
            ForwarderError.ResponseBodyDestination => new ProxyFailure(status, $"route '{route}': the upstream's response broke off"),
            ForwarderError.ResponseHeaders => new ProxyFailure(status, $"route '{route}': the upstream's headers cannot be passed on"),
            _ => new ProxyFailure(status, $"route '{route}': {Reason(Find<HttpRequestException>(exception)?.HttpRequestError)}"),
        };
    }

    /// <summary>The request's body is larger than its route allows.</summary>
    public static ProxyFailure TooLarge(string route) =>
        new(StatusCodes.Status413PayloadTooLarge, $"route '{route}': the request's body is larger than the route allows", Limit: LimitReason.RequestBytes);

    /// <summary>The request has come back to the route that passed it on.</summary>
    public static ProxyFailure Loop(string route) => new(StatusCodes.Status508LoopDetected, $"route '{route}': the request has come round to the route that passed it on: its upstreams lead back here");

    private static string Reason(HttpRequestError? error) => error switch
    {
        HttpRequestError.NameResolutionError => "the upstream's name cannot be resolved",
        HttpRequestError.ConnectionError => "no connection to the upstream can be made",
        HttpRequestError.SecureConnectionError => "no secure connection to the upstream can be made",
        HttpRequestError.InvalidResponse or HttpRequestError.HttpProtocolError => "the upstream answered what is not HTTP",
        HttpRequestError.ResponseEnded => "the upstream closed the connection before it answered",
        HttpRequestError.ConfigurationLimitExceeded => "the upstream's headers are too large",
        _ => "the upstream cannot be reached",
    };

    private static T? Find<T>(Exception? exception)
        where T : Exception
    {
        if (exception is AggregateException several) return several.InnerExceptions.Select(Find<T>).FirstOrDefault(found => found is not null);
        for (Exception? each = exception; each is not null; each = each.InnerException)
        {
            if (each is T found) return found;
        }

        return null;
    }
}
