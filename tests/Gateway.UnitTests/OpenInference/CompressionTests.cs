using System.IO.Compression;
using System.Net;
using System.Text;
using Gateway.Server.OpenInference;

namespace Gateway.UnitTests.OpenInference;

public sealed class CompressionTests
{
    private const string Json = """{"inputs":[{"name":"x","shape":[1,4],"datatype":"INT8","data":[1,2,3,4]}]}""";

    [Theory]
    [InlineData("gzip", "gzip")]
    [InlineData("deflate", "deflate")]
    [InlineData("gzip;q=0.5, deflate", "deflate")]
    [InlineData("deflate, gzip", "deflate")]
    [InlineData("gzip;q=0.5, identity", "")]
    [InlineData("identity;q=0.1, gzip;q=0.2", "gzip")]
    [InlineData("br", "")]
    [InlineData("gzip;q=0", "")]
    [InlineData("*", "")]
    [InlineData(",;q=x,,", "")]
    public void Choose_AcceptEncoding_TakesTheHeaviestThenTheFirst(string header, string expected)
    {
        ContentCoding chosen = Compression.Choose(header);

        Assert.Equal(expected, chosen == ContentCoding.Identity ? "" : Compression.Name(chosen));
    }

    [Theory]
    [InlineData("gzip", true)]
    [InlineData("gzip", false)]
    [InlineData("deflate", false)]
    [InlineData("deflate", true)]
    public async Task Infer_CompressedBody_IsToldByItsFirstByte(string header, bool isGzip)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer answer = await server.InferAsync("echo_INT8", Pack(Encoding.UTF8.GetBytes(Json), isGzip), change: Encoded(header));

        Assert.Equal("[1,2,3,4]", answer.Data());
    }

    [Fact]
    public async Task Infer_CompressedBinaryBody_HeaderCountsDecompressedBytes()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        byte[] head = Encoding.UTF8.GetBytes("""{"inputs":[{"name":"x","shape":[1,4],"datatype":"INT8","parameters":{"binary_data_size":4}}]}""");

        Answer answer = await server.InferAsync("echo_INT8", Pack([.. head, 1, 2, 3, 4], isGzip: true), headLength: $"{head.Length}", change: Encoded("gzip"));

        Assert.Equal("[1,2,3,4]", answer.Data());
    }

    [Fact]
    public async Task Infer_UnknownContentEncoding_Is501WithWhatIsAccepted()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer answer = await server.InferAsync("echo_INT8", Json, Encoded("br"));

        answer.AssertError(HttpStatusCode.NotImplemented, "Unsupported compression type");
        Assert.Equal("gzip, deflate", answer.Headers["Accept-Encoding"]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(20)]
    public async Task Infer_CorruptBody_Is400(int kept)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        byte[] packed = Pack(Encoding.UTF8.GetBytes(Json), isGzip: true);

        Answer cut = await server.InferAsync("echo_INT8", packed.AsSpan(0, kept), change: Encoded("gzip"));
        Answer wrong = await server.InferAsync("echo_INT8", Encoding.UTF8.GetBytes(Json), change: Encoded("gzip"));

        Assert.Equal((HttpStatusCode.BadRequest, HttpStatusCode.BadRequest), (cut.Status, wrong.Status));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("0")]
    public async Task Infer_Bomb_StopsAtTheLimit(string? headLength)
    {
        await using InferenceServer server = await InferenceServer.StartAsync(options => options.MaxInputBytes = 1 << 20);

        Answer answer = await server.InferAsync("echo_INT8", Pack(new byte[64 << 20], isGzip: true), headLength: headLength, change: Encoded("gzip"));

        answer.AssertError(
            HttpStatusCode.BadRequest, "Decompressed data size exceeds the maximum allowed value of 1048576 bytes. Use --http-max-input-size to increase the limit.");
        Assert.InRange(server.Pool.TotalBytes, 0, 8 << 20);
    }

    [Theory]
    [InlineData("gzip", false)]
    [InlineData("deflate", false)]
    [InlineData("gzip", true)]
    public async Task Infer_AcceptEncoding_CompressesTheAnswer(string coding, bool isBinary)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        string json = isBinary ? Json[..^1] + ",\"parameters\":{\"binary_data_output\":true}}" : Json;

        Answer packed = await server.InferAsync("echo_INT8", json, request => request.Headers.TryAddWithoutValidation("Accept-Encoding", coding));
        Answer plain = await server.InferAsync("echo_INT8", json);

        Assert.Equal(coding, packed.Headers["Content-Encoding"]);
        using Stream unpacked = coding == "gzip" ? new GZipStream(new MemoryStream(packed.Body), CompressionMode.Decompress) : new ZLibStream(new MemoryStream(packed.Body), CompressionMode.Decompress);
        MemoryStream whole = new();
        await unpacked.CopyToAsync(whole, TestContext.Current.CancellationToken);
        Assert.Equal(plain.Body, whole.ToArray());
        Assert.Equal(plain.Headers.GetValueOrDefault("Inference-Header-Content-Length"), packed.Headers.GetValueOrDefault("Inference-Header-Content-Length"));
    }

    [Fact]
    public async Task Infer_CompressedBodyBeyondKestrelsOwnLimit_IsRead()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        const int Seed = 19;
        byte[] noise = new byte[40 << 20];
        new Random(Seed).NextBytes(noise);

        Answer answer = await server.InferAsync("any", Pack(noise, isGzip: true), headLength: "0", change: Encoded("gzip"));

        Assert.True(noise.AsSpan().SequenceEqual(answer.Blobs), $"seed {Seed}: {answer.Status}");
    }

    [Theory]
    [InlineData(true, null)]
    [InlineData(false, null)]
    [InlineData(true, "0")]
    [InlineData(false, "0")]
    public async Task Infer_CompressedBodyThatIsCutShort_IsRefused(bool isGzip, string? headLength)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        byte[] packed = Pack(headLength is null ? Encoding.UTF8.GetBytes(Json) : new byte[400], isGzip);
        string model = headLength is null ? "echo_INT8" : "any";
        Assert.Equal(HttpStatusCode.OK, (await server.InferAsync(model, packed, headLength: headLength, change: Encoded("gzip"))).Status);

        for (int length = 1; length < packed.Length; length++)
        {
            Answer answer = await server.InferAsync(model, packed.AsSpan(0, length), headLength: headLength, change: Encoded("gzip"));
            Assert.True(answer.Status == HttpStatusCode.BadRequest, $"{length} of {packed.Length} bytes: {answer.Status} {answer.Text}");
        }
    }

    [Fact]
    public async Task OtherAnswers_AcceptEncoding_AreNotCompressed()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        HttpRequestMessage metadata = new(HttpMethod.Get, "/v2/models/two");
        metadata.Headers.TryAddWithoutValidation("Accept-Encoding", "gzip, deflate");

        Answer answer = await server.SendAsync(metadata);
        Answer error = await server.InferAsync("echo_INT8", "{", request => request.Headers.TryAddWithoutValidation("Accept-Encoding", "gzip"));

        Assert.DoesNotContain("Content-Encoding", answer.Headers.Keys);
        Assert.DoesNotContain("Content-Encoding", error.Headers.Keys);
    }

    private static Action<HttpRequestMessage> Encoded(string coding) => request => request.Content!.Headers.TryAddWithoutValidation("Content-Encoding", coding);

    private static byte[] Pack(byte[] bytes, bool isGzip)
    {
        MemoryStream packed = new();
        using (Stream stream = isGzip ? new GZipStream(packed, CompressionLevel.Fastest) : new ZLibStream(packed, CompressionLevel.Fastest)) stream.Write(bytes);
        return packed.ToArray();
    }
}
