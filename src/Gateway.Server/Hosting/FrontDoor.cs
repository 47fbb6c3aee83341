using System.Net;
using Gateway.Server.Frames;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;

namespace Gateway.Server.Hosting;

/// <summary>Sets Kestrel up for inference traffic: limits, one port for HTTP/1.1 and HTTP/2, and one for frames.</summary>
internal static class FrontDoor
{
    /// <summary>
    /// Time for all of a request's headers, from its first byte. A third of Kestrel's default: the headers of an inference request fit one packet, and what a
    /// slow-loris client holds open is worth less the shorter it may.
    /// </summary>
    public static readonly TimeSpan HeadersTimeout = TimeSpan.FromSeconds(10);

    /// <summary>Adds Kestrel with the ports of <paramref name="options"/>.</summary>
    /// <param name="ports">Is given the ports.</param>
    public static void AddFrontDoor(this WebApplicationBuilder builder, ServerOptions options, ServedPorts ports)
    {
        ConnectionCounts connections = new();
        HttpsConnectionAdapterOptions? https = ServerCertificate.Load(options);
        ports.IsTls = https is not null;
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            SetLimits(kestrel.Limits, options);

            // The inner endpoint is built first, so that its pipeline is there before the first connection.
            ConnectionDelegate? http2 = null;
            kestrel.Listen(new InnerEndPoint("http2"), inner =>
            {
                inner.Protocols = HttpProtocols.Http2;
                inner.Use(next => http2 = next);
            });
            kestrel.Listen(new IPEndPoint(options.HttpAddress, options.HttpPort), listen =>
            {
                ports.HttpPort = listen;
                listen.Use(connections.Http.Count);
                if (https is not null)
                {
                    // The client says in the handshake which of the two it wants.
                    listen.Protocols = HttpProtocols.Http1AndHttp2;
                    listen.UseHttps(https);
                    return;
                }

                listen.Protocols = HttpProtocols.Http1;

                // The framework's clock, not the engine's: that one is made for a few timers, and here is one for each connection.
                listen.Use(http1 => new PrefaceDetection(http1, http2!, TimeProvider.System).OnConnectionAsync);
            });
            if (!options.AllowFrames) return;
            kestrel.Listen(new IPEndPoint(options.FramesAddress ?? options.HttpAddress, options.FramesPort), listen =>
            {
                listen.Use(connections.Frames.Count);
                if (https is not null) listen.UseHttps(https);
                listen.UseConnectionHandler<FrameConnectionHandler>();
                ports.FramesPort = listen;
            });
            if (options.FramesSocket is not { } path) return;
            kestrel.ListenUnixSocket(path, listen =>
            {
                listen.Use(connections.Frames.Count);
                listen.UseConnectionHandler<FrameConnectionHandler>();
            });
        });

        builder.Services.AddSingleton(connections);
        builder.Services.AddSingleton(new FramesOptions { MaxFrameBytes = options.HttpMaxInputSize, AccessToken = options.AccessToken });

        // After Kestrel has been added: of two memory pools the one added last counts.
        builder.Services.AddSingleton<IMemoryPoolFactory<byte>, WireMemoryPool>();

        // After Kestrel's own, for sockets, which it adds only where there is none.
        builder.Services.AddSingleton<IConnectionListenerFactory, InnerEndPoint.ListenerFactory>();
    }

    private static void SetLimits(KestrelServerLimits limits, ServerOptions options)
    {
        limits.MaxRequestBodySize = options.HttpMaxInputSize;
        limits.MaxConcurrentConnections = options.HttpMaxConnections;
        limits.RequestHeadersTimeout = HeadersTimeout;

        // The rest are Kestrel's defaults, among them 240 bytes a second as the least rate of bodies and of reading answers, and 130 s for idle connections.
    }
}
