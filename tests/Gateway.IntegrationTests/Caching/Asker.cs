using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Gateway.Client;
using Gateway.Protocol;
using Gateway.Protocol.Protobuf;
using Gateway.TestSupport.Grpc;

namespace Gateway.IntegrationTests.Caching;

/// <summary>Asks one server in every protocol, and gives each answer as bytes: the body where it has nothing of the cache in it, else the outputs.</summary>
internal sealed class Asker(GatewayProcess server) : IAsyncDisposable
{
    private readonly HttpClient _http = new() { BaseAddress = new Uri(server.HttpAddress) };
    private readonly HttpClient _grpc = new() { BaseAddress = new Uri(server.GrpcAddress) };
    private readonly InferenceClient _frames = new(server.FramesAddress);
    private readonly InferenceClient _messages = new(server.HttpAddress);

    /// <summary>The protocols.</summary>
    public static IReadOnlyList<string> Protocols { get; } = ["JSON", "binary", "MessagePack over HTTP", "frames", "gRPC", "gRPC, typed", "gRPC stream"];

    public Task<byte[]> AskAsync(string protocol, Question question) => protocol switch
    {
        "JSON" => PostAsync($"/v2/models/{question.Model}/infer", new StringContent(question.Json(), Encoding.UTF8, "application/json")),
        "binary" => PostBinaryAsync(question),
        "MessagePack over HTTP" => AskAsync(_messages, question),
        "frames" => AskAsync(_frames, question),
        "gRPC, typed" => CallAsync("ModelInfer", question.Grpc(isTyped: true)),
        "gRPC stream" => StreamAsync(question),
        _ => CallAsync("ModelInfer", question.Grpc()),
    };

    /// <summary>Asks with a word for the cache.</summary>
    /// <param name="asHeader">Whether it stands in a header, or in gRPC's metadata, where the protocol has any; else it is a parameter.</param>
    /// <returns>What the cache did, in MessagePack's word for it; nothing where it has no answer, and none was to be made.</returns>
    public async Task<string> StatusAsync(string protocol, Question question, string word, bool asHeader = false)
    {
        try
        {
            return await SaidAsync(protocol, question, word, asHeader);
        }
        catch (InferenceException error) when (error.Status == StatusCode.NotCached)
        {
            return "";
        }
    }

    /// <summary>A metric's value, for one model; 0 when it is not there.</summary>
    public async Task<long> MetricAsync(string name, string model)
    {
        string page = await _http.GetStringAsync(new Uri(server.MetricsAddress), TestContext.Current.CancellationToken);
        string begin = $"{name}{{model=\"{model}\"";
        string? line = page.Split('\n').FirstOrDefault(line => line.StartsWith(begin, StringComparison.Ordinal));
        return line is null ? 0 : long.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture);
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        _grpc.Dispose();
        await _frames.DisposeAsync();
        await _messages.DisposeAsync();
    }

    private async Task<string> SaidAsync(string protocol, Question question, string word, bool asHeader)
    {
        string? parameter = asHeader ? null : word;
        string? header = asHeader ? word : null;
        switch (protocol)
        {
            case "JSON":
                return await PostStatusAsync(question, new StringContent(question.Json(asHeader ? "" : $$""","parameters":{"cache":"{{word}}"}"""), Encoding.UTF8, "application/json"), header);
            case "binary":
                (byte[] body, int headLength) = question.Binary(parameter);
                ByteArrayContent content = new(body);
                content.Headers.Add("Inference-Header-Content-Length", headLength.ToString(CultureInfo.InvariantCulture));
                return await PostStatusAsync(question, content, header);
            case "MessagePack over HTTP" or "frames":
                InferenceRequest message = question.Message();
                message.Cache = Enum.Parse<CacheDirective>(word.Replace("-", "", StringComparison.Ordinal), ignoreCase: true);
                using (InferenceResponse response = await (protocol == "frames" ? _frames : _messages).InferAsync(message, TestContext.Current.CancellationToken))
                {
                    Assert.Equal(response.CacheStatus == "hit", response.CacheAge is not null);
                    return response.CacheStatus;
                }

            case "gRPC stream":
                // The words of a call may stand in each of its messages alone; what the answers say too.
                byte[] streamed = await CallAsync("ModelStreamInfer", question.Grpc(cache: word));
                ThrowIfNotCached(streamed.AsSpan().IndexOf("(only-if-cached)"u8) >= 0);
                (string said, bool hasAge, _) = Split(streamed);
                Assert.Equal(said == "hit", hasAge);
                return said;
            default:
                string? status = null;
                await CallAsync("ModelInfer", question.Grpc(isTyped: protocol == "gRPC, typed", parameter), header, headers => status = Word(headers));
                return status!;
        }
    }

    private static async Task<byte[]> AskAsync(InferenceClient client, Question question)
    {
        using InferenceResponse response = await client.InferAsync(question.Message(), TestContext.Current.CancellationToken);
        List<byte> bytes = [];
        for (int i = 0; i < response.OutputCount; i++)
        {
            ResponseOutput output = response[i];
            bytes.AddRange(Encoding.UTF8.GetBytes($"{output.Name} {output.DataType} {string.Join('x', output.Shape.Dims.ToArray())} "));
            bytes.AddRange(output.Bytes.ToArray());
        }

        return [.. bytes];
    }

    private async Task<byte[]> StreamAsync(Question question) => Split(await CallAsync("ModelStreamInfer", question.Grpc())).Others;

    /// <summary>Takes an answer of a stream apart, by Triton's numbers of fields: what it says of the cache in its parameters, and all the rest.</summary>
    private static (string Said, bool HasAge, byte[] Others) Split(byte[] answer)
    {
        (string said, bool hasAge, List<byte> others) = ("", false, []);
        ProtobufReader outer = new(answer.AsSpan(InferCodec.PrefixBytes));
        while (outer.ReadTag() is var field and not 0)
        {
            ProtobufReader inner = new(outer.ReadBytes());
            while (inner.ReadTag() is var tag and not 0)
            {
                ReadOnlySpan<byte> value = inner.ReadBytes();
                ProtobufReader parameter = tag >> 3 == 4 ? new(value) : default;
                string name = parameter.ReadTag() == 0 ? "" : Encoding.UTF8.GetString(parameter.ReadBytes());
                hasAge |= name == "cache_age";
                if (name == "cache")
                {
                    // Its value is a message with a string in it.
                    parameter.ReadTag();
                    said = Encoding.UTF8.GetString(parameter.ReadBytes()[2..]);
                }
                else if (name != "cache_age")
                {
                    others.Add((byte)tag);
                    others.AddRange(value);
                }
            }
        }

        return (said, hasAge, [.. others]);
    }

    private async Task<byte[]> PostBinaryAsync(Question question)
    {
        (byte[] body, int headLength) = question.Binary();
        ByteArrayContent content = new(body);
        content.Headers.Add("Inference-Header-Content-Length", headLength.ToString(CultureInfo.InvariantCulture));
        return await PostAsync($"/v2/models/{question.Model}/infer", content);
    }

    private async Task<byte[]> PostAsync(string path, HttpContent content)
    {
        using HttpResponseMessage answer = await _http.PostAsync(new Uri(path, UriKind.Relative), content, TestContext.Current.CancellationToken);
        byte[] body = await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        Assert.True(answer.IsSuccessStatusCode, Encoding.UTF8.GetString(body));
        return body;
    }

    private async Task<string> PostStatusAsync(Question question, HttpContent content, string? header)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, $"/v2/models/{question.Model}/infer") { Content = content };
        if (header is not null) request.Headers.Add("Inference-Cache", header);
        using HttpResponseMessage answer = await _http.SendAsync(request, TestContext.Current.CancellationToken);
        ThrowIfNotCached(answer.StatusCode == HttpStatusCode.GatewayTimeout);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return Word(answer.Headers);
    }

    private static void ThrowIfNotCached(bool isNotCached)
    {
        if (isNotCached) throw new InferenceException(StatusCode.NotCached, "");
    }

    private static string Word(HttpResponseHeaders headers)
    {
        string status = headers.GetValues("Cache-Status").Single();
        Assert.Equal(status == "gateway; hit", headers.Age is not null);
        return status.Split(';')[1].Trim() switch
        {
            "hit" => "hit",
            "fwd=bypass" => "bypassed",
            "fwd=request" => "refreshed",
            "fwd=miss" when status.EndsWith("collapsed", StringComparison.Ordinal) => "joined",
            "fwd=miss" => "miss",
            _ => status,
        };
    }

    private async Task<byte[]> CallAsync(string method, byte[] message, string? header = null, Action<HttpResponseHeaders>? onHeaders = null)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, $"/inference.GRPCInferenceService/{method}")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(message),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        request.Headers.TE.ParseAdd("trailers");
        if (header is not null) request.Headers.Add("inference-cache", header);
        using HttpResponseMessage answer = await _grpc.SendAsync(request, TestContext.Current.CancellationToken);
        byte[] body = await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        string status = string.Join(",", answer.Headers.Concat(answer.TrailingHeaders).Where(header => header.Key.StartsWith("grpc-", StringComparison.Ordinal)).Select(header => $"{header.Key} {string.Join(' ', header.Value)}"));
        ThrowIfNotCached(status.StartsWith("grpc-status 9,", StringComparison.Ordinal));
        Assert.StartsWith("grpc-status 0", status, StringComparison.Ordinal);
        onHeaders?.Invoke(answer.Headers);
        return body;
    }
}
