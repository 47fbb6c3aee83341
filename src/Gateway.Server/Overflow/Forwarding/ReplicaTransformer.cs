using System.Globalization;
using Gateway.Server.Grpc.Wire;
using Gateway.Server.OpenInference;
using Microsoft.AspNetCore.Http;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Server.Overflow.Forwarding;

/// <summary>What a forwarded call's headers say besides what the client's said: who forwards it, and the time that is left.</summary>
internal sealed class ReplicaTransformer(string origin, string? host, long remainingMicroseconds, TimeSpan hopTimeout, bool isGrpc) : HttpTransformer
{
    // The largest number that gRPC's header can have.
    private const long MostGrpcTimeout = 99_999_999;

    public override async ValueTask TransformRequestAsync(HttpContext httpContext, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
    {
        await base.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken).ConfigureAwait(false);

        // The replica is asked by its own name.
        proxyRequest.Headers.Host = host;
        Set(proxyRequest, OverflowHeaders.Origin, origin);
        Set(proxyRequest, OverflowHeaders.Patience, hopTimeout.TotalMilliseconds.ToString("0.###", CultureInfo.InvariantCulture));
        if (remainingMicroseconds == long.MaxValue) return;
        if (isGrpc)
        {
            string value = remainingMicroseconds <= MostGrpcTimeout ? string.Create(CultureInfo.InvariantCulture, $"{remainingMicroseconds}u") : string.Create(CultureInfo.InvariantCulture, $"{Math.Min(remainingMicroseconds / 1000, MostGrpcTimeout)}m");
            Set(proxyRequest, GrpcTimeout.Header, value);
        }

        Set(proxyRequest, TimeoutHeader.Name, (remainingMicroseconds / 1000.0).ToString("0.###", CultureInfo.InvariantCulture));
    }

    private static void Set(HttpRequestMessage request, string name, string value)
    {
        request.Headers.Remove(name);
        request.Headers.TryAddWithoutValidation(name, value);
    }
}
