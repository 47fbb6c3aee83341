using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.InteropServices;
using System.Text;
using Gateway.Protocol.Tensors;
using Gateway.Server.OpenInference;
using Gateway.UnitTests.OpenInference;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using static Gateway.UnitTests.Messages.Maps;
using Map = System.Collections.Generic.Dictionary<string, object?>;

namespace Gateway.UnitTests.Messages;

/// <summary>MessagePack bodies on the Open Inference Protocol's routes.</summary>
public sealed class MessagePackHttpTests
{
    private static readonly float[] Row = [0.5f, -1, float.NaN, 4];

    [Theory]
    [InlineData("application/msgpack", HttpProtocols.Http1)]
    [InlineData("application/vnd.msgpack", HttpProtocols.Http1)]
    [InlineData("Application/X-Msgpack; a=b", HttpProtocols.Http1)]
    [InlineData("application/msgpack", HttpProtocols.Http2)]
    public async Task Infer_EachContentType_IsAnsweredInMessagePack(string contentType, HttpProtocols protocols)
    {
        await using InferenceServer server = await InferenceServer.StartAsync(protocols: protocols);

        Answer answer = await PostAsync(server, "echo_FP32", Write(Request(Row)), contentType);

        Assert.Equal((HttpStatusCode.OK, "application/msgpack"), (answer.Status, answer.Headers["Content-Type"]));
        Map map = (Map)Read(answer.Body)!;
        Assert.Equal(("echo_FP32", "1"), (map["model_name"], map["model_version"]));
        Map output = (Map)((object?[])map["outputs"]!)[0]!;
        Assert.Equal(("y", "FP32"), (output["name"], output["datatype"]));
        Assert.Equal(MemoryMarshal.AsBytes(Row.AsSpan()).ToArray(), (byte[])output["data"]!);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Infer_Explained_SaysItsTimes(bool asks)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        HttpRequestMessage request = new(HttpMethod.Post, "/v2/models/echo_FP32/infer") { Content = new ByteArrayContent(Write(Request(Row))) };
        request.Content.Headers.Add("Content-Type", "application/msgpack");
        if (asks) request.Headers.Add(ServerTiming.AskHeader, "1");

        Answer answer = await server.SendAsync(request);

        Assert.Equal(asks, answer.Headers.TryGetValue(ServerTiming.HeaderName, out string? timing));
        if (asks) Assert.Contains("scatter;dur=", timing, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Infer_EveryType_ComesBackBitForBit()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        Random random = new(7);
        foreach (DataType type in SampleModels.FixedTypes)
        {
            byte[] data = new byte[3 * 4 * type.Size()];
            random.NextBytes(data);

            Answer answer = await PostAsync(server, $"echo_{type.WireName()}", Write(Request("x", type.WireName(), [3, 4], data)));

            Assert.Equal(data, Output(Read(answer.Body))["data"]);
        }

        byte[] strings = [2, 0, 0, 0, 0xC3, 0xA9, 0, 0, 0, 0];
        Answer text = await PostAsync(server, "strings", Write(Request("s", "BYTES", [1, 2], strings)));
        Assert.Equal(strings, Output(Read(text.Body))["data"]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Infer_SplitAnywhere_IsReadTheSame(bool isChunked)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        using RawConnection connection = await RawConnection.OpenAsync(server);
        byte[] body = Write(Request(Row));
        byte[] whole = RawConnection.Request(
            "echo_FP32",
            isChunked ? [.. Encoding.ASCII.GetBytes($"{body.Length:x}\r\n"), .. body, .. "\r\n0\r\n\r\n"u8] : body,
            headers: "Content-Type: application/msgpack\r\n",
            isChunked: isChunked);
        await connection.SendAsync(whole);
        (_, byte[] expected) = await connection.ReadAnswerAsync();

        for (int split = 1; split < whole.Length; split++)
        {
            await connection.SendAsync(whole.AsMemory(0, split));
            await Task.Yield();
            await connection.SendAsync(whole.AsMemory(split));
            (string head, byte[] answer) = await connection.ReadAnswerAsync();
            Assert.True(head.StartsWith("HTTP/1.1 200", StringComparison.Ordinal) && answer.AsSpan().SequenceEqual(expected), $"split at {split}: {head}");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Infer_LargerThanTheBuffers_IsGathered(bool isCompressed)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        float[] values = [.. Enumerable.Range(0, 200_000).Select(i => (float)i)];
        byte[] body = Write(Request("x", "FP32", [1, values.Length], MemoryMarshal.AsBytes(values.AsSpan()).ToArray()));
        if (isCompressed) body = Compress(body);

        Answer answer = await PostAsync(server, "any", body, encoding: isCompressed ? "gzip" : null);

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal(MemoryMarshal.AsBytes(values.AsSpan()).ToArray(), Output(Read(answer.Body))["data"]);
    }

    [Fact]
    public async Task Infer_TruncatedAnywhere_IsTheClientsError()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        byte[] body = Write(Request(Row));

        for (int length = 0; length < body.Length; length++)
        {
            Answer answer = await PostAsync(server, "echo_FP32", body[..length]);
            AssertError(answer, HttpStatusCode.BadRequest, "INVALID_ARGUMENT", text => text.StartsWith("malformed MessagePack at byte", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Infer_Mistakes_NameTheOffendingThing()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        byte[] good = Write(Request(Row));

        AssertError(await PostAsync(server, "echo_FP32", [.. good, 0]), HttpStatusCode.BadRequest, "INVALID_ARGUMENT", text => text == $"the request ends at byte {good.Length}, but the message does not");
        AssertError(await PostAsync(server, "nobody", good), HttpStatusCode.NotFound, "NOT_FOUND", text => text == "Request for unknown model: 'nobody' is not found");
        AssertError(await PostAsync(server, "fails", Write(Request("x", "FP32", [1, 1], new byte[4]))), HttpStatusCode.InternalServerError, "INTERNAL", text => text.EndsWith("the model says no", StringComparison.Ordinal));
        AssertError(await PostAsync(server, "echo_FP32", Write(With(Request(Row), "model_name", "other"))), HttpStatusCode.BadRequest, "INVALID_ARGUMENT", text => text == "'model_name' is not the model of the path, 'echo_FP32'");
        AssertError(await PostAsync(server, "echo_FP32", good, encoding: "br"), HttpStatusCode.BadRequest, "INVALID_ARGUMENT", text => text == "Unsupported compression type");
        AssertError(await PostAsync(server, "echo_FP32", [1, 2, 3], encoding: "gzip"), HttpStatusCode.BadRequest, "INVALID_ARGUMENT", text => text.StartsWith("failed to decompress", StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.OK, (await PostAsync(server, "echo_FP32", Write(With(Request(Row), "model_name", "echo_FP32")))).Status);
    }

    [Fact]
    public async Task Infer_TooLarge_IsRefusedWhetherOrNotTheLengthIsKnown()
    {
        await using InferenceServer server = await InferenceServer.StartAsync(options => options.MaxInputBytes = 10_000);
        byte[] body = Write(Request("x", "FP32", [1, 5000], new byte[20_000]));

        AssertError(await PostAsync(server, "any", body), HttpStatusCode.BadRequest, "INVALID_ARGUMENT", text => text.Contains("exceeds the maximum allowed input size of 10000 bytes", StringComparison.Ordinal));
        AssertError(await PostAsync(server, "any", Compress(body), encoding: "gzip"), HttpStatusCode.BadRequest, "INVALID_ARGUMENT", text => text.Contains("exceeds the maximum", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Infer_FullQueue_IsRefusedWithRetryAfter()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        using ManualResetEventSlim release = new();
        server.Add("slow", 1, [SampleModels.Spec("x", DataType.Fp32, [1])], [SampleModels.Spec("y", DataType.Fp32, [1])], (_, _, _) => release.Wait(TestContext.Current.CancellationToken), maxQueueRequests: 1);
        byte[] body = Write(Request("x", "FP32", [1, 1], new byte[4]));

        List<Task<Answer>> sent = [PostAsync(server, "slow", body)];
        Answer refused;
        do
        {
            // The first runs, one waits, and the next is refused.
            sent.Add(PostAsync(server, "slow", body));
            sent.Add(PostAsync(server, "slow", body));
            refused = await await Task.WhenAny(sent);
        }
        while (refused.Status != HttpStatusCode.ServiceUnavailable);

        release.Set();
        AssertError(refused, HttpStatusCode.ServiceUnavailable, "UNAVAILABLE", text => text.Contains("Exceeds maximum queue size", StringComparison.Ordinal));
        Assert.Equal("1", refused.Headers["Retry-After"]);
        Assert.Equal(1000L, ((Map)Read(refused.Body)!)["retry_after_ms"]);
        Answer[] answers = await Task.WhenAll(sent);
        Assert.Contains(answers, answer => answer.Status == HttpStatusCode.OK);
    }

    [Fact]
    public async Task Metadata_WhenMessagePackIsAccepted_ComesInIt()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Map model = (Map)Read((await GetAsync(server, "/v2/models/two")).Body)!;
        Map whole = (Map)Read((await GetAsync(server, "/v2")).Body)!;

        Assert.Equal("two", model["name"]);
        Assert.Equal(["a", "b"], ((object?[])model["inputs"]!).Select(input => ((Map)input!)["name"]));
        Assert.Equal("triton", whole["name"]);
        AssertError(await GetAsync(server, "/v2/models/nobody"), HttpStatusCode.NotFound, "NOT_FOUND", text => text == "Request for unknown model: 'nobody' is not found");
    }

    [Fact]
    public async Task OtherContentTypes_AreTheJsonEndpoints()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer answer = await PostAsync(server, "echo_FP32", Write(Request(Row)), "application/json");

        Assert.Equal((HttpStatusCode.BadRequest, "application/json"), (answer.Status, answer.Headers["Content-Type"]));
    }

    private static void AssertError(Answer answer, HttpStatusCode status, string code, Predicate<string> isText)
    {
        Map error = (Map)Read(answer.Body)!;
        Assert.Equal((status, code, "application/msgpack"), (answer.Status, error["code"], answer.Headers["Content-Type"]));
        Assert.True(isText((string)error["error"]!), (string)error["error"]!);
    }

    private static Task<Answer> PostAsync(InferenceServer server, string model, byte[] body, string contentType = "application/msgpack", string? encoding = null)
    {
        ByteArrayContent content = new(body);
        content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        if (encoding is not null) content.Headers.ContentEncoding.Add(encoding);
        return server.SendAsync(new HttpRequestMessage(HttpMethod.Post, $"/v2/models/{model}/infer") { Content = content });
    }

    private static Task<Answer> GetAsync(InferenceServer server, string path)
    {
        HttpRequestMessage request = new(HttpMethod.Get, path);
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/msgpack"));
        return server.SendAsync(request);
    }

    private static byte[] Compress(byte[] bytes)
    {
        using MemoryStream compressed = new();
        using (GZipStream gzip = new(compressed, CompressionLevel.Fastest, leaveOpen: true)) gzip.Write(bytes);
        return compressed.ToArray();
    }
}
