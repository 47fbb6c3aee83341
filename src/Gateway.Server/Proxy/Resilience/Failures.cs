using System.Net;
using Microsoft.AspNetCore.Http;
using Polly.CircuitBreaker;
using Polly.Timeout;

namespace Gateway.Server.Proxy.Resilience;

/// <summary>Tells failures of an upstream from others, and those that may be tried again.</summary>
internal static class Failures
{
    /// <summary>Whether a call's end counts against its destination.</summary>
    /// <param name="clientGone">Whether the client has gone, or its time is over: what breaks then is nobody's fault.</param>
    public static bool IsUpstreams(HttpResponseMessage? response, Exception? error, bool clientGone)
    {
        if (response is not null) return (int)response.StatusCode >= 500;
        return !clientGone && error is HttpRequestException or TimeoutRejectedException or IOException && !IsClients(error);
    }

    /// <summary>Whether a call may be tried again, whoever it is for.</summary>
    /// <param name="isRepeatable">Whether its method is idempotent and all of its body at hand.</param>
    public static bool MayRepeat(HttpResponseMessage? response, Exception? error, bool isRepeatable)
    {
        if (response is not null) return isRepeatable && response.StatusCode is HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout;
        if (error is null || IsClients(error)) return false;

        // Nothing of a body is read before there is a connection to send it on.
        return NeverLeft(error) || (isRepeatable && error is HttpRequestException or TimeoutRejectedException);
    }

    /// <summary>Whether a request can be repeated without harm.</summary>
    public static bool IsIdempotent(HttpMethod method) =>
        method == HttpMethod.Get || method == HttpMethod.Head || method == HttpMethod.Put || method == HttpMethod.Delete || method == HttpMethod.Options || method == HttpMethod.Trace;

    /// <summary>No connection was made that it could have gone out on.</summary>
    private static bool NeverLeft(Exception error) =>
        error is BrokenCircuitException
        || error is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError };

    /// <summary>Reading the client's body has failed, which surfaces as a failure to send it.</summary>
    private static bool IsClients(Exception error)
    {
        for (Exception? each = error; each is not null; each = each.InnerException)
        {
            if (each is BadHttpRequestException or Microsoft.AspNetCore.Connections.ConnectionResetException or Microsoft.AspNetCore.Connections.ConnectionAbortedException) return true;
        }

        return false;
    }
}
