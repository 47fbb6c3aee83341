using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using Gateway.Server.Grpc.Messages;
using Google.Protobuf;

namespace Gateway.UnitTests.Grpc;

/// <summary>A gRPC client of a hundred lines, on the framework's HTTP/2: it sends what it is told, right or wrong.</summary>
internal sealed class GrpcClient(Uri address) : IDisposable
{
    public const string Service = "/inference.GRPCInferenceService/";

    private readonly HttpClient _http = new(new SocketsHttpHandler { EnableMultipleHttp2Connections = false })
    {
        BaseAddress = address,
        DefaultRequestVersion = HttpVersion.Version20,
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        Timeout = Timeout.InfiniteTimeSpan,
    };

    public Task<GrpcAnswer> CallAsync(string method, IMessage request, params (string Name, string Value)[] metadata) => SendAsync(Service + method, Frame(request.ToByteArray()), metadata);

    public async Task<ModelInferResponse> InferAsync(ModelInferRequest request, params (string Name, string Value)[] metadata) =>
        (await CallAsync("ModelInfer", request, metadata)).Single(ModelInferResponse.Parser);

    /// <summary>Sends a body as it is.</summary>
    public async Task<GrpcAnswer> SendAsync(string path, byte[] body, params (string Name, string Value)[] metadata)
    {
        using HttpRequestMessage request = Request(path, new ByteArrayContent(body), metadata);
        using HttpResponseMessage response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        return await ReadAsync(response);
    }

    /// <summary>Opens a call whose body is still to come.</summary>
    public GrpcDuplex Open(string path, params (string Name, string Value)[] metadata)
    {
        GrpcDuplex duplex = new();
        HttpRequestMessage request = Request(path, duplex.Content, metadata);
        duplex.Response = _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, duplex.Cancelled.Token);
        return duplex;
    }

    public static byte[] Frame(byte[] message, byte flag = 0)
    {
        byte[] frame = new byte[5 + message.Length];
        frame[0] = flag;
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(1), (uint)message.Length);
        message.CopyTo(frame, 5);
        return frame;
    }

    public static byte[] Compress(string coding, byte[] message)
    {
        using MemoryStream compressed = new();
        using (Stream stream = coding == "gzip" ? new GZipStream(compressed, CompressionLevel.Fastest) : new ZLibStream(compressed, CompressionLevel.Fastest)) stream.Write(message);
        return compressed.ToArray();
    }

    public static byte[] Decompress(string coding, byte[] message)
    {
        using MemoryStream source = new(message);
        using MemoryStream plain = new();
        using (Stream stream = coding == "gzip" ? new GZipStream(source, CompressionMode.Decompress) : new ZLibStream(source, CompressionMode.Decompress)) stream.CopyTo(plain);
        return plain.ToArray();
    }

    public static async Task<GrpcAnswer> ReadAsync(HttpResponseMessage response)
    {
        byte[] body = await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        List<byte[]> messages = [];
        for (int at = 0; at < body.Length;)
        {
            int length = (int)BinaryPrimitives.ReadUInt32BigEndian(body.AsSpan(at + 1));
            messages.Add(body[(at + 5)..(at + 5 + length)]);
            at += 5 + length;
        }

        Dictionary<string, string> metadata = new(StringComparer.OrdinalIgnoreCase);
        bool isTrailersOnly = response.Headers.Contains("grpc-status");
        foreach ((string name, IEnumerable<string> values) in response.Headers.Concat(response.TrailingHeaders).Concat(response.Content.Headers)) metadata[name] = string.Join(",", values);
        int status = metadata.TryGetValue("grpc-status", out string? code) ? int.Parse(code, CultureInfo.InvariantCulture) : -1;
        return new GrpcAnswer(response.StatusCode, status, Uri.UnescapeDataString(metadata.GetValueOrDefault("grpc-message", "")), messages, metadata, isTrailersOnly);
    }

    public void Dispose() => _http.Dispose();

    private static HttpRequestMessage Request(string path, HttpContent content, (string Name, string Value)[] metadata)
    {
        HttpRequestMessage request = new(HttpMethod.Post, path) { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = content };
        content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        request.Headers.TE.ParseAdd("trailers");
        foreach ((string name, string value) in metadata)
        {
            if (name == ":method") request.Method = new HttpMethod(value);
            else if (name == "content-type") content.Headers.ContentType = value.Length > 0 ? MediaTypeHeaderValue.Parse(value) : null;
            else Assert.True(request.Headers.TryAddWithoutValidation(name, value));
        }

        return request;
    }
}
