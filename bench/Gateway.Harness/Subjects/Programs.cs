using System.Net;
using Gateway.Harness.Models;

namespace Gateway.Harness.Subjects;

/// <summary>Starts what is measured.</summary>
/// <param name="gateway">The gateway's executable.</param>
internal sealed class Programs(string gateway)
{
    public string Gateway { get; } = gateway;

    /// <summary>The gateway as <c>dotnet build -c Release</c> leaves it.</summary>
    public static string BuiltGateway => Path.Combine(RepositoryRoot.Path, "src", "Gateway", "bin", "Release", "net10.0", "gateway");

    /// <summary>The gateway as <c>dotnet publish</c> leaves it, where bench/README.md has it published.</summary>
    public static string PublishedGateway => Path.Combine(RepositoryRoot.Path, "artifacts", "publish", "gateway");

    /// <summary>This program, whose subcommands are the peers.</summary>
    public static string Self => Environment.ProcessPath!;

    /// <summary>Starts the gateway with the models of <paramref name="repository"/>.</summary>
    /// <param name="metricsPort">Where it serves its metrics.</param>
    /// <param name="cores">As in <see cref="ServerProcess.Start"/>.</param>
    public ServerProcess StartGateway(string repository, out int metricsPort, string? cores = null) => StartGateway(repository, out metricsPort, out _, cores);

    /// <summary>Likewise.</summary>
    /// <param name="frames">Where it serves MessagePack frames.</param>
    /// <param name="more">Further arguments.</param>
    public ServerProcess StartGateway(string repository, out int metricsPort, out IPEndPoint frames, string? cores = null, params IEnumerable<string> more)
    {
        int port = ServerProcess.FreePort();
        metricsPort = ServerProcess.FreePort();
        frames = new IPEndPoint(IPAddress.Loopback, ServerProcess.FreePort());
        return ServerProcess.Start(
            Gateway, ["--model-repository", repository, "--http-port", $"{port}", "--metrics-port", $"{metricsPort}", "--frames-port", $"{frames.Port}", "--grpc-port", $"{ServerProcess.FreePort()}", .. more], port, cores);
    }

    /// <summary>Likewise, at a port that is known beforehand, and without gRPC.</summary>
    public ServerProcess StartGateway(string repository, int port, out int metricsPort, out IPEndPoint frames, params IEnumerable<string> more)
    {
        metricsPort = ServerProcess.FreePort();
        frames = new IPEndPoint(IPAddress.Loopback, ServerProcess.FreePort());
        return ServerProcess.Start(
            Gateway, ["--model-repository", repository, "--http-port", $"{port}", "--metrics-port", $"{metricsPort}", "--frames-port", $"{frames.Port}", "--allow-grpc=false", .. more], port);
    }

    /// <summary>Likewise.</summary>
    /// <param name="grpc">Where it serves gRPC.</param>
    /// <param name="cores">Null for the server's.</param>
    /// <param name="more">Further arguments.</param>
    public ServerProcess StartGatewayWithGrpc(string repository, out int metricsPort, out IPEndPoint grpc, string? cores = null, params IEnumerable<string> more)
    {
        int port = ServerProcess.FreePort();
        metricsPort = ServerProcess.FreePort();
        grpc = new IPEndPoint(IPAddress.Loopback, ServerProcess.FreePort());
        return ServerProcess.Start(
            Gateway, ["--model-repository", repository, "--http-port", $"{port}", "--metrics-port", $"{metricsPort}", "--allow-frames=false", "--grpc-port", $"{grpc.Port}", .. more], port, cores);
    }

    /// <summary>Likewise, with a proxy and HTTP alone.</summary>
    /// <param name="proxyConfig">The proxy's settings.</param>
    public ServerProcess StartGatewayProxying(string repository, string proxyConfig)
    {
        int port = ServerProcess.FreePort();
        return ServerProcess.Start(
            Gateway, ["--model-repository", repository, "--http-port", $"{port}", "--allow-metrics=false", "--allow-frames=false", "--allow-grpc=false", "--proxy-config", proxyConfig], port);
    }

    /// <summary>Starts the bare HTTP/2 endpoint.</summary>
    /// <param name="answerBytes">Bytes of each answer.</param>
    public static ServerProcess StartBareHttp2(int answerBytes, out IPEndPoint http2)
    {
        int port = ServerProcess.FreePort();
        http2 = new IPEndPoint(IPAddress.Loopback, ServerProcess.FreePort());
        return ServerProcess.Start(Self, [BareHttp2.Command, $"{port}", $"{http2.Port}", $"{answerBytes}"], port);
    }

    /// <summary>Starts the bare endpoint.</summary>
    /// <param name="inferenceHeaderBytes">JSON bytes that each answer begins with.</param>
    /// <param name="bodyBytes">Bytes of each answer's body.</param>
    /// <param name="isTuned">With the gateway's own thread and memory settings instead of the framework's.</param>
    /// <param name="cores">As in <see cref="ServerProcess.Start"/>.</param>
    public static ServerProcess StartBareKestrel(int inferenceHeaderBytes, int bodyBytes, bool isTuned, string? cores = null)
    {
        int port = ServerProcess.FreePort();
        string[] arguments = [BareKestrel.Command, $"{port}", $"{inferenceHeaderBytes}", $"{bodyBytes}", .. isTuned ? [BareKestrel.Tuned] : Array.Empty<string>()];
        return ServerProcess.Start(Self, arguments, port, cores);
    }
}
