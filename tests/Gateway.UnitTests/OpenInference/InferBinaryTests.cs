using System.Net;
using System.Text;
using Gateway.Protocol.Tensors;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Gateway.UnitTests.OpenInference;

/// <summary>Infer calls with the binary tensor extension, and raw ones.</summary>
public sealed class InferBinaryTests
{
    private const string TwoInputs =
        """{"inputs":[{"name":"b","shape":[1,2],"datatype":"INT32","parameters":{"binary_data_size":8}},{"name":"a","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}]""";

    private static readonly byte[] TwoBlobs = [.. SampleModels.Bytes(7, 8), .. SampleModels.Bytes(1.5f, 2.5f)];

    [Theory]
    [InlineData(HttpProtocols.Http1)]
    [InlineData(HttpProtocols.Http2)]
    public async Task Infer_BinaryBothWays_BlobsFollowInOrder(HttpProtocols protocols)
    {
        await using InferenceServer server = await InferenceServer.StartAsync(protocols: protocols);

        Answer answer = await server.InferBinaryAsync("two", TwoInputs + ",\"parameters\":{\"binary_data_output\":true}}", TwoBlobs);

        Assert.Equal(
            """{"model_name":"two","model_version":"1","outputs":[{"name":"first","datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":8}},{"name":"second","datatype":"INT32","shape":[1,2],"parameters":{"binary_data_size":8}}]}""",
            answer.HeadText);
        Assert.Equal([.. SampleModels.Bytes(1.5f, 2.5f), .. SampleModels.Bytes(7, 8)], answer.Blobs);
        Assert.Equal("application/octet-stream", answer.Headers["Content-Type"]);
    }

    [Fact]
    public async Task Infer_BinaryInputs_AreCopiedOnceBeforeTheBatch()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        string json = """{"inputs":[{"name":"x","shape":[50000],"datatype":"FP32","parameters":{"binary_data_size":200000}}],"parameters":{"binary_data_output":true}}""";
        server.Add("long", 0, [SampleModels.Spec("x", DataType.Fp32, [50_000])], [SampleModels.Spec("y", DataType.Fp32, [50_000])], SampleModels.Copy);

        await server.InferBinaryAsync("long", json, new byte[200_000]);

        // The JSON part may have come in two pieces, which are then put together.
        Assert.InRange(server.Catalog.Find("long", 0).Batcher.Statistics.Snapshot().ReceivedBytes, 200_000, 200_000 + json.Length);
    }

    [Fact]
    public async Task Infer_ListedOutputs_HaveTheirOwnFormOnly()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer answer = await server.InferBinaryAsync(
            "two", TwoInputs + ",\"parameters\":{\"binary_data_output\":true},\"outputs\":[{\"name\":\"second\",\"parameters\":{\"binary_data\":true}},{\"name\":\"first\"}]}", TwoBlobs);

        Assert.Equal(SampleModels.Bytes(7, 8), answer.Blobs);
        Assert.Equal("[1.5,2.5]", answer.Data(1));
    }

    [Fact]
    public async Task Infer_EveryFixedType_IsItsBytes()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        foreach (DataType type in SampleModels.FixedTypes)
        {
            byte[] bytes = [.. Enumerable.Range(1, 4 * type.Size()).Select(i => (byte)i)];
            string json =
                $$$"""{"inputs":[{"name":"x","shape":[1,4],"datatype":"{{{type.WireName()}}}","parameters":{"binary_data_size":{{{bytes.Length}}}}}],"parameters":{"binary_data_output":true}}""";

            Answer answer = await server.InferBinaryAsync($"echo_{type.WireName()}", json, bytes);

            Assert.Equal(bytes, answer.Blobs);
        }
    }

    [Fact]
    public async Task Infer_BinaryOutputOfNoBytes_HasNoHeader()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer answer = await server.InferBinaryAsync(
            "any", """{"inputs":[{"name":"x","shape":[1,0],"datatype":"FP32","parameters":{"binary_data_size":0}}],"parameters":{"binary_data_output":true}}""", []);

        Assert.Equal("application/json", answer.Headers["Content-Type"]);
        Assert.DoesNotContain("Inference-Header-Content-Length", answer.Headers.Keys);
        Assert.EndsWith("""{"name":"y","datatype":"FP32","shape":[1,0],"parameters":{"binary_data_size":0}}]}""", answer.Text);
    }

    [Fact]
    public async Task Infer_HeaderWithoutNeed_IsAllowed()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer answer = await server.InferBinaryAsync("echo_INT8", """{"inputs":[{"name":"x","shape":[1,4],"datatype":"INT8","data":[1,2,3,4]}]}""", []);

        Assert.Equal("[1,2,3,4]", answer.Data());
    }

    [Theory]
    [InlineData("abc", "Unable to parse Inference-Header-Content-Length, got: abc")]
    [InlineData("3000000000", "Unable to parse Inference-Header-Content-Length, value is out of range [ -2147483648, 2147483647 ], got: 3000000000")]
    [InlineData("-1", "inference header size should be in range (0, 192), got: -1")]
    [InlineData("193", "inference header size should be in range (0, 192), got: 193")]
    public async Task Infer_BadHeader_Is400(string header, string error)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        string json = (TwoInputs + "}").PadRight(192);

        Answer answer = await server.InferAsync("two", Encoding.UTF8.GetBytes(json), headLength: header);

        answer.AssertError(HttpStatusCode.BadRequest, error.Replace("192", Encoding.UTF8.GetByteCount(json).ToString(System.Globalization.CultureInfo.InvariantCulture), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(15, "unexpected size for input 'a', expecting 1 additional bytes for model 'two'")]
    [InlineData(3, "unexpected size for input 'b', expecting 5 additional bytes for model 'two'")]
    [InlineData(17, "unexpected additional input data for model 'two'")]
    public async Task Infer_BlobsOfAnotherSize_Are400(int bytes, string error)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer known = await server.InferBinaryAsync("two", TwoInputs + "}", new byte[bytes]);
        Answer chunked = await server.InferBinaryAsync("two", TwoInputs + "}", new byte[bytes], request => request.Headers.TransferEncodingChunked = true);

        known.AssertError(HttpStatusCode.BadRequest, error);
        chunked.AssertError(HttpStatusCode.BadRequest, error);
    }

    [Fact]
    public async Task Infer_ChunkedHeadTooShort_Is400()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer answer = await server.InferAsync("two", "{}"u8, headLength: "9", change: request => request.Headers.TransferEncodingChunked = true);

        answer.AssertError(HttpStatusCode.BadRequest, "unexpected size for request JSON, expecting 7 more bytes");
    }

    [Fact]
    public async Task Infer_ByteSizeThatDoesNotFitTheShape_Is400()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer answer = await server.InferBinaryAsync(
            "echo_FP32", """{"id":"q","inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","parameters":{"binary_data_size":12}}]}""", new byte[12]);

        answer.AssertError(HttpStatusCode.BadRequest, "[request id: q] input byte size mismatch for input 'x' for model 'echo_FP32'. Expected 16, got 12");
    }

    [Fact]
    public async Task Infer_HugeBinarySize_RentsNothing()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        const string Json = """{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","parameters":{"binary_data_size":18446744073709551615}}]}""";
        long before = server.Pool.TotalBytes;

        Answer known = await server.InferBinaryAsync("echo_FP32", Json, new byte[16]);
        Answer chunked = await server.InferBinaryAsync("echo_FP32", Json, new byte[16], request => request.Headers.TransferEncodingChunked = true);

        Assert.Equal((HttpStatusCode.BadRequest, HttpStatusCode.BadRequest), (known.Status, chunked.Status));
        Assert.Contains("exceeds the maximum allowed input size of 67108864 bytes", chunked.Error);
        Assert.InRange(server.Pool.TotalBytes - before, 0, 64 << 10);
    }

    [Theory]
    [InlineData("any", 12, "[1,3]")]
    [InlineData("echo_FP32", 16, "[1,4]")]
    [InlineData("vector", 16, "[4]")]
    public async Task Infer_Raw_DeducesTheShape(string model, int bytes, string shape)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        byte[] body = [.. Enumerable.Range(0, bytes).Select(i => (byte)i)];

        Answer known = await server.InferAsync(model, body, headLength: "0");
        Answer chunked = await server.InferAsync(model, body, headLength: "0", change: request => request.Headers.TransferEncodingChunked = true);

        Assert.Equal(shape, known.Json.GetProperty("outputs")[0].GetProperty("shape").GetRawText());
        Assert.Equal(body, known.Blobs);
        Assert.Equal(body, chunked.Blobs);
    }

    [Fact]
    public async Task Infer_RawString_GetsItsLength()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer answer = await server.InferAsync("text", "hello"u8, headLength: "0");

        Assert.Equal([5, 0, 0, 0, .. "hello"u8], answer.Blobs);
    }

    [Theory]
    [InlineData("two", 16, "Raw request must only have 1 input (found 1) to be deduced but got 2 inputs in 'two' model configuration")]
    [InlineData("grid", 16, "The shape of the raw input 'x' can not be deduced because there are more than one variable-sized dimension")]
    [InlineData("strings", 16, "For BYTE datatype raw input 's', the model must have input shape [1]")]
    [InlineData("any", 13, "[request id: <id_unknown>] input byte size mismatch for input 'x' for model 'any'. Expected 12, got 13")]
    [InlineData("echo_FP32", 12, "[request id: <id_unknown>] input byte size mismatch for input 'x' for model 'echo_FP32'. Expected 16, got 12")]
    public async Task Infer_RawThatCannotBeDeduced_Is400(string model, int bytes, string error)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer answer = await server.InferAsync(model, new byte[bytes], headLength: "0");

        answer.AssertError(HttpStatusCode.BadRequest, error);
    }

    [Fact]
    public async Task Infer_TooLarge_Is400AndNamesTheLimit()
    {
        await using InferenceServer server = await InferenceServer.StartAsync(options => options.MaxInputBytes = 1000);
        Action<HttpRequestMessage> chunked = request => request.Headers.TransferEncodingChunked = true;
        const string Tail = " exceeds the maximum allowed input size of 1000 bytes. Use --http-max-input-size to increase the limit.";

        (await server.InferAsync("two", new byte[1001])).AssertError(HttpStatusCode.BadRequest, "request JSON size of 1001 bytes" + Tail);
        (await server.InferAsync("two", new byte[1001], headLength: "5")).AssertError(HttpStatusCode.BadRequest, "request body size of 1001 bytes" + Tail);
        (await server.InferAsync("two", new byte[1001], headLength: "1001")).AssertError(HttpStatusCode.BadRequest, "request body size of 1001 bytes" + Tail);
        (await server.InferAsync("vector", new byte[1001], headLength: "0")).AssertError(
            HttpStatusCode.BadRequest, "Raw input has a byte_size (1001 bytes) that exceeds the maximum allowed value of 1000 bytes. Use --http-max-input-size to increase the limit.");
        Answer json = await server.InferAsync("two", new byte[1001], change: chunked);
        Assert.Equal(HttpStatusCode.BadRequest, json.Status);
        Assert.EndsWith(Tail, json.Error);
        Answer raw = await server.InferAsync("vector", new byte[1001], headLength: "0", change: chunked);
        Assert.Equal(HttpStatusCode.BadRequest, raw.Status);
    }

    [Fact]
    public async Task Infer_Classification_RanksValues()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        const string Input = """{"inputs":[{"name":"x","shape":[2,3],"datatype":"FP32","data":[0.5,0.95,0.5,NaN,-1,Infinity]}],"outputs":[{"name":"y","parameters":{"classification":""";

        Answer two = await server.InferAsync("rank", Input + "2}}]}");
        Answer binary = await server.InferAsync("rank", Input + "9,\"binary_data\":true}}]}");
        Answer none = await server.InferAsync("rank", Input + "0}}]}");

        Assert.Contains("""{"name":"y","datatype":"BYTES","shape":[2,2],"data":["0.950000:1:dog","0.500000:0:cat","inf:2","-1.000000:1:dog"]}""", two.Text);
        Assert.Equal("[2,3]", binary.Json.GetProperty("outputs")[0].GetProperty("shape").GetRawText());
        Assert.Contains("nan:0:cat", Encoding.UTF8.GetString(binary.Blobs));
        Assert.Contains("\"datatype\":\"FP32\"", none.Text);
    }

    [Theory]
    [InlineData("BOOL", "[true,true,true,true]")]
    public async Task Infer_ClassificationOfUnsupportedType_Is400(string type, string data)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer answer = await server.InferAsync(
            $"echo_{type}", $$$"""{"inputs":[{"name":"x","shape":[1,4],"datatype":"{{{type}}}","data":{{{data}}}}],"outputs":[{"name":"y","parameters":{"classification":1}}]}""");

        answer.AssertError(HttpStatusCode.BadRequest, $"class result not available for output due to unsupported type '{type}'");
    }

    [Fact]
    public async Task Infer_ModelFails_Is500WithItsText()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer answer = await server.InferAsync("fails", """{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[1]}]}""");

        Assert.Equal(HttpStatusCode.InternalServerError, answer.Status);
        Assert.Contains("the model says no", answer.Error);
    }

    [Theory]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("nonsense")]
    public async Task Infer_AnyContentType_IsServed(string contentType)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer answer = await server.InferAsync(
            "echo_INT8",
            """{"inputs":[{"name":"x","shape":[1,4],"datatype":"INT8","data":[1,2,3,4]}]}""",
            request => request.Content!.Headers.TryAddWithoutValidation("Content-Type", contentType));

        Assert.Equal(HttpStatusCode.OK, answer.Status);
    }

    [Theory]
    [InlineData("true", HttpStatusCode.OK)]
    [InlineData("false", HttpStatusCode.OK)]
    [InlineData("1", HttpStatusCode.BadRequest)]
    public async Task Infer_ExplainedByParameter_SaysItsTimes(string explain, HttpStatusCode status)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        string request = $$"""{"parameters":{"explain":{{explain}}},"inputs":[{"name":"x","shape":[1,4],"datatype":"INT8","data":[1,2,3,4]}]}""";

        for (int i = 0; i < 3; i++)
        {
            Answer answer = await server.InferAsync("echo_INT8", request);

            Assert.Equal(status, answer.Status);
            Assert.Equal(explain == "true", answer.Headers.TryGetValue("Server-Timing", out string? timing));
            if (timing is not null) Assert.StartsWith("queue;dur=", timing, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Infer_ServerTiming_WhenAskedFor_NamesTheStages()
    {
        await using InferenceServer server = await InferenceServer.StartAsync(options => options.ServerTiming = true);

        Answer answer = await server.InferAsync("echo_INT8", """{"inputs":[{"name":"x","shape":[1,4],"datatype":"INT8","data":[1,2,3,4]}]}""");

        Assert.Matches("""^queue;dur=[\d.]+, batch;dur=[\d.]+;desc="1 rows", gather;dur=[\d.]+, run;dur=[\d.]+, scatter;dur=[\d.]+$""", answer.Headers["Server-Timing"]);
    }
}
