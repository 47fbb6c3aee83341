using Gateway.Server.OpenInference;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.Proxy;

/// <summary>Writes errors of the proxy's own: <c>{"error":"…"}</c>, or to gRPC calls a status of theirs.</summary>
internal static class ProxyErrors
{
    private const int DeadlineExceeded = 4;
    private const int ResourceExhausted = 8;
    private const int Unavailable = 14;

    public static void Write(HttpContext context, ProxyFailure failure)
    {
        if (failure.RetryAfter is not null || failure.Status == StatusCodes.Status429TooManyRequests) ErrorWriter.AddRefusal(context, (string?)null, failure.RetryAfter);
        if (context.Request.ContentType?.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase) != true)
        {
            ErrorWriter.Write(context, failure.Status, failure.Text);
            return;
        }

        // A response of headers alone: that is where gRPC looks for the status when there are no messages.
        HttpResponse response = context.Response;
        response.StatusCode = StatusCodes.Status200OK;
        response.ContentType = "application/grpc";
        response.ContentLength = null;
        response.Headers["grpc-status"] = Status(failure.Status).ToString(System.Globalization.CultureInfo.InvariantCulture);
        response.Headers["grpc-message"] = Uri.EscapeDataString(failure.Text);
        if (failure.RetryAfter is { } after) response.Headers["grpc-retry-pushback-ms"] = Math.Ceiling(after.TotalMilliseconds).ToString(System.Globalization.CultureInfo.InvariantCulture);
    }

    private static int Status(int http) => http switch
    {
        StatusCodes.Status504GatewayTimeout => DeadlineExceeded,
        StatusCodes.Status429TooManyRequests or StatusCodes.Status413PayloadTooLarge => ResourceExhausted,
        _ => Unavailable,
    };
}
