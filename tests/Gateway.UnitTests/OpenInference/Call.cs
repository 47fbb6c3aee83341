using System.Net;
using System.Text;
using System.Text.Json;

namespace Gateway.UnitTests.OpenInference;

/// <summary>Sends infer calls and takes their answers apart.</summary>
internal static class Call
{
    public static Task<Answer> InferAsync(this InferenceServer server, string model, string json, Action<HttpRequestMessage>? change = null) =>
        server.InferAsync(model, Encoding.UTF8.GetBytes(json), change: change);

    /// <summary>Sends JSON and blobs; with blobs, or when <paramref name="headLength"/> is given, with the header of the binary extension.</summary>
    public static Task<Answer> InferAsync(
        this InferenceServer server, string model, ReadOnlySpan<byte> json, byte[]? blobs = null, string? headLength = null, Action<HttpRequestMessage>? change = null)
    {
        ByteArrayContent content = new([.. json, .. blobs ?? []]);
        headLength ??= blobs is null ? null : json.Length.ToString(System.Globalization.CultureInfo.InvariantCulture);
        HttpRequestMessage request = new(HttpMethod.Post, $"/v2/models/{model}/infer") { Content = content };
        if (headLength is not null) request.Headers.TryAddWithoutValidation("Inference-Header-Content-Length", headLength);
        change?.Invoke(request);
        return server.SendAsync(request);
    }

    public static Task<Answer> InferBinaryAsync(this InferenceServer server, string model, string json, byte[] blobs, Action<HttpRequestMessage>? change = null) =>
        server.InferAsync(model, Encoding.UTF8.GetBytes(json), blobs, change: change);

    public static Task<Answer> GetAsync(this InferenceServer server, string path) => server.SendAsync(new HttpRequestMessage(HttpMethod.Get, path));

    public static Task<Answer> PostAsync(this InferenceServer server, string path, string? body = null) =>
        server.SendAsync(new HttpRequestMessage(HttpMethod.Post, path) { Content = body is null ? null : new StringContent(body) });

    public static async Task<Answer> SendAsync(this InferenceServer server, HttpRequestMessage request)
    {
        request.Version = server.Client.DefaultRequestVersion;
        request.VersionPolicy = server.Client.DefaultVersionPolicy;
        using (request)
        {
            using HttpResponseMessage response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);
            byte[] body = await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
            Dictionary<string, string> headers = response.Headers.Concat(response.Content.Headers)
                .ToDictionary(header => header.Key, header => string.Join(", ", header.Value), StringComparer.OrdinalIgnoreCase);
            return new Answer(response.StatusCode, headers, body);
        }
    }
}

/// <summary>An answer, read to its end.</summary>
internal sealed record Answer(HttpStatusCode Status, Dictionary<string, string> Headers, byte[] Body)
{
    public string Text => Encoding.UTF8.GetString(Body);

    public int HeadLength => Headers.TryGetValue("Inference-Header-Content-Length", out string? length)
        ? int.Parse(length, System.Globalization.CultureInfo.InvariantCulture)
        : Body.Length;

    public string HeadText => Encoding.UTF8.GetString(Body, 0, HeadLength);

    public byte[] Blobs => Body[HeadLength..];

    public JsonElement Json => JsonDocument.Parse(Body.AsMemory(0, HeadLength)).RootElement;

    public string Error => Json.GetProperty("error").GetString()!;

    /// <summary>The text of an output's <c>data</c>.</summary>
    public string Data(int output = 0) => Json.GetProperty("outputs")[output].GetProperty("data").GetRawText();

    public void AssertError(HttpStatusCode status, string error)
    {
        Assert.Equal($"{{\"error\":{JsonSerializer.Serialize(error, Relaxed)}}}", Text);
        Assert.Equal(status, Status);
        Assert.Equal("application/json", Headers["Content-Type"]);
    }

    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}
