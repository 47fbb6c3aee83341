using System.Net;
using System.Net.Http.Headers;

namespace Gateway.TestSupport.Grpc;

/// <summary>One HTTP/2 connection with gRPC calls on it, on the framework's client.</summary>
public sealed class GrpcChannel(string address) : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { EnableMultipleHttp2Connections = false }) { BaseAddress = new Uri(address), Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>Opens a call, whose messages are still to come.</summary>
    /// <param name="timeout">As <c>grpc-timeout</c> has it; null for none.</param>
    /// <param name="cacheControl">As <c>cache-control</c> has it; null for none.</param>
    /// <param name="inferenceTimeout">As <c>inference-timeout-ms</c> has it; null for none.</param>
    public GrpcCall Open(string path, string? timeout = null, string? cacheControl = null, string? inferenceTimeout = null)
    {
        GrpcCall call = new();
        HttpRequestMessage request = new(HttpMethod.Post, path) { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = call.Body };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        request.Headers.TE.ParseAdd("trailers");
        if (timeout is not null) request.Headers.TryAddWithoutValidation("grpc-timeout", timeout);
        if (cacheControl is not null) request.Headers.TryAddWithoutValidation("cache-control", cacheControl);
        if (inferenceTimeout is not null) request.Headers.TryAddWithoutValidation("inference-timeout-ms", inferenceTimeout);
        call.Begin(_http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, call.Cancelled));
        return call;
    }

    public void Dispose() => _http.Dispose();
}
