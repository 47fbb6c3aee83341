using System.Net;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Server.Overflow.Forwarding;

/// <summary>The connections to replicas: HTTP/1.1 for HTTP, which keeps a slow answer from holding up others, and HTTP/2 for gRPC.</summary>
/// <remarks><b>Ownership</b>: owns them. <b>Threading</b>: any.</remarks>
internal sealed class ReplicaClients : IDisposable
{
    // As many calls as go to one replica at a time over HTTP/1.1; the time-out of the hop holds for those that wait for one.
    private const int MostConnections = 512;

    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PingTime = TimeSpan.FromSeconds(1);

    // An address may come to mean another machine.
    private static readonly TimeSpan ConnectionLife = TimeSpan.FromMinutes(10);

    private readonly HttpMessageInvoker _http = new(MakeHandler());
    private readonly HttpMessageInvoker _grpc = new(MakeGrpcHandler());

    /// <summary>How calls over HTTP are sent.</summary>
    public static ForwarderRequestConfig Http { get; } = new() { Version = HttpVersion.Version11, VersionPolicy = HttpVersionPolicy.RequestVersionExact, ActivityTimeout = TimeSpan.FromDays(1) };

    /// <summary>How calls over gRPC are sent.</summary>
    public static ForwarderRequestConfig Grpc { get; } = new() { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact, ActivityTimeout = TimeSpan.FromDays(1) };

    public HttpMessageInvoker For(bool isGrpc) => isGrpc ? _grpc : _http;

    public void Dispose()
    {
        _http.Dispose();
        _grpc.Dispose();
    }

    // One connection carries all calls: it stays while nothing is to be sent, or the next call would have to wait for another, and is given up soon when what is sent is not answered.
    private static SocketsHttpHandler MakeGrpcHandler()
    {
        SocketsHttpHandler handler = MakeHandler();
        handler.PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan;
        handler.KeepAlivePingDelay = PingTime;
        handler.KeepAlivePingTimeout = PingTime;
        handler.KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests;
        return handler;
    }

    private static SocketsHttpHandler MakeHandler() => new()
    {
        UseProxy = false,
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        UseCookies = false,

        // As the server reads them.
        RequestHeaderEncodingSelector = static (_, _) => System.Text.Encoding.UTF8,
        EnableMultipleHttp2Connections = true,
        ActivityHeadersPropagator = null,
        ConnectTimeout = ConnectTimeout,
        MaxConnectionsPerServer = MostConnections,
        PooledConnectionLifetime = ConnectionLife,
    };
}
