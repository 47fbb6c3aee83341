using System.Net;
using Gateway.Core.Models;
using Gateway.Protocol.Tensors;
using Gateway.Server.OpenInference;

namespace Gateway.UnitTests.OpenInference;

public sealed class GenerateTests
{
    [Theory]
    [InlineData("rank", """{"x":[1,2,3]}""", """{"model_name":"rank","model_version":"1","y":[1,2,3]}""")]
    [InlineData("rank", """{"id":"a","x":[1,2,3,4,5,6]}""", """{"id":"a","model_name":"rank","model_version":"1","y":[1,2,3,4,5,6]}""")]
    [InlineData("rank", """{"x":[1,2,3],"id":"a"}""", """{"id":"a","model_name":"rank","model_version":"1","y":[1,2,3]}""")]
    [InlineData("text", """{"s":"hello"}""", """{"model_name":"text","model_version":"1","t":"hello"}""")]
    [InlineData("text", """{"s":["a","b"]}""", """{"model_name":"text","model_version":"1","t":["a","b"]}""")]
    [InlineData("text", """{"s":"line\nbreak","stream":true,"temperature":0.5}""", """{"model_name":"text","model_version":"1","t":"line\nbreak"}""")]
    [InlineData("text", """{"parameters":{"s":"inside","custom":"x"}}""", """{"model_name":"text","model_version":"1","t":"inside"}""")]
    [InlineData("vector", """{"x":[1,2,3,4]}""", """{"model_name":"vector","model_version":"1","y":[1,2,3,4]}""")]
    [InlineData("any", """{"x":[1,2,3,4,5]}""", """{"model_name":"any","model_version":"1","y":[1,2,3,4,5]}""")]
    [InlineData("any", """{"x":7}""", """{"model_name":"any","model_version":"1","y":7}""")]
    [InlineData("two", """{"b":[3,4],"a":[1,2]}""", """{"first":[1,2],"model_name":"two","model_version":"1","second":[3,4]}""")]
    [InlineData("two", """{"a":[1,2],"id":"q","b":[3,4]}""", """{"first":[1,2],"id":"q","model_name":"two","model_version":"1","second":[3,4]}""")]
    [InlineData("two", """{"id":"q","a":[1,2],"id":"r","b":[3,4],"other":1}""", """{"first":[1,2],"id":"q","model_name":"two","model_version":"1","second":[3,4]}""")]
    public async Task Generate_EachModel_IsAnsweredFlat(string model, string body, string expected)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer plain = await server.PostAsync($"/v2/models/{model}/generate", body);
        Answer stream = await server.PostAsync($"/v2/models/{model}/versions/1/generate_stream", body);

        Assert.Equal((HttpStatusCode.OK, expected, "application/json"), (plain.Status, plain.Text, plain.Headers["Content-Type"]));
        Assert.Equal((HttpStatusCode.OK, $"data: {expected}\n\n", "text/event-stream; charset=utf-8"), (stream.Status, stream.Text, stream.Headers["Content-Type"]));
    }

    [Theory]
    [InlineData("rank", """{"x":[1,2]}""", HttpStatusCode.BadRequest, "The schema can not convert input 'x' to tensor with proper shape")]
    [InlineData("two", """{"a":[1,2]}""", HttpStatusCode.BadRequest, "[request id: <id_unknown>] expected 2 inputs but got 1 inputs for model 'two'. Got input(s) ['a'], but missing required input(s) ['b']. Please provide all required input(s).")]
    [InlineData("rank", """{"x":[1,2,3],"other":[1]}""", HttpStatusCode.BadRequest, "parameter 'other' has invalid type. It should be either 'int', 'bool', or 'string'.")]
    [InlineData("rank", """{"x":[1,2,3],"parameters":1}""", HttpStatusCode.BadRequest, "Expected JSON object for keyword: 'parameters'")]
    [InlineData("rank", "{", HttpStatusCode.BadRequest, "failed to parse the request JSON buffer: Missing a name for object member. at 1")]
    [InlineData("none", "{}", HttpStatusCode.NotFound, "Request for unknown model: 'none' is not found")]
    [InlineData("echo_FP16", """{"x":[1,2,3,4]}""", HttpStatusCode.BadRequest, "receiving FP16 data via JSON is not supported. Please use the binary data format for input x")]
    public async Task Generate_BeforeTheModelRuns_ErrorsAreOrdinary(string model, string body, HttpStatusCode status, string error)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        (await server.PostAsync($"/v2/models/{model}/generate", body)).AssertError(status, error);
        (await server.PostAsync($"/v2/models/{model}/generate_stream", body)).AssertError(status, error);
    }

    [Theory]
    [InlineData("generate", true)]
    [InlineData("generate", false)]
    [InlineData("generate_stream", true)]
    public async Task Generate_Explained_SaysItsTimes(string endpoint, bool asks)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        HttpRequestMessage request = new(HttpMethod.Post, $"/v2/models/rank/{endpoint}") { Content = new StringContent("""{"x":[1,2,3]}""") };
        if (asks) request.Headers.Add(ServerTiming.AskHeader, "1");

        Answer answer = await server.SendAsync(request);

        Assert.Equal(asks, answer.Headers.TryGetValue(ServerTiming.HeaderName, out string? timing));
        if (asks) Assert.Contains("scatter;dur=", timing, StringComparison.Ordinal);
    }

    // There is nothing but JSON here.
    [Theory]
    [InlineData("""{"x":1}""")]
    [InlineData("""{"x":1,"binary_data_output":true}""")]
    [InlineData("""{"x":1,"parameters":{"binary_data_output":true}}""")]
    public async Task Generate_OutputThatJsonHasNotGot_IsRefused(string body)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        server.Add("halves", 8, [SampleModels.Spec("x", DataType.Fp32, [1])], [SampleModels.Spec("y", DataType.Fp16, [1])], (_, _, _) => { });

        foreach (string endpoint in new[] { "generate", "generate_stream" })
        {
            (await server.PostAsync($"/v2/models/halves/{endpoint}", body)).AssertError(HttpStatusCode.BadRequest, "sending FP16 data via JSON is not supported. Please use the binary data format for output");
        }
    }

    [Fact]
    public async Task Generate_ModelFails_IsTheFirstEvent()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();

        Answer plain = await server.PostAsync("/v2/models/fails/generate", """{"x":1}""");
        Answer stream = await server.PostAsync("/v2/models/fails/generate_stream", """{"x":1}""");

        Assert.Equal(HttpStatusCode.InternalServerError, plain.Status);
        Assert.Equal((HttpStatusCode.InternalServerError, $"data: {plain.Text}\n\n"), (stream.Status, stream.Text));
    }

    [Fact]
    public async Task Generate_Compressed_IsRefused()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        HttpRequestMessage request = new(HttpMethod.Post, "/v2/models/rank/generate") { Content = new ByteArrayContent([1]) };
        request.Content.Headers.ContentEncoding.Add("gzip");

        (await server.SendAsync(request)).AssertError(HttpStatusCode.BadRequest, "Unsupported content-encoding, only 'identity' is supported.");
    }

    [Fact]
    public async Task Generate_RandomBodies_AreAnswered()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        Random random = new(20261126);
        string[] parts = ["{", "}", "[", "]", ":", ",", "\"x\"", "\"id\"", "\"parameters\"", "1", "2.5", "null", "\"a\"", "true", "[1,2,3]", "{\"x\":[1,2,3]", " ", "\\"];
        for (int i = 0; i < 500; i++)
        {
            string body = string.Concat(Enumerable.Range(0, random.Next(10)).Select(_ => parts[random.Next(parts.Length)]));
            Answer answer = await server.PostAsync($"/v2/models/rank/generate{(i % 2 == 0 ? "" : "_stream")}", body);
            Assert.True(answer.Status is HttpStatusCode.OK or HttpStatusCode.BadRequest, $"{body}: {answer.Status} {answer.Text}");
        }
    }

    [Theory]
    [InlineData(true, new long[] { 3 }, 6, "2,3")]
    [InlineData(true, new long[] { -1 }, 6, "1,6")]
    [InlineData(true, new long[] { -1, 2 }, 6, "1,3,2")]
    [InlineData(true, new long[] { -1, -1 }, 6, "1,1,6")]
    [InlineData(false, new long[] { 2, 3 }, 6, "2,3")]
    [InlineData(false, new long[] { -1, 3 }, 6, "2,3")]
    [InlineData(false, new long[] { }, 1, "")]
    [InlineData(true, new long[] { 3 }, 0, "")]
    public void ShapeOf_Elements_AreSpreadAsInTriton(bool isBatching, long[] dims, long elements, string expected)
    {
        TensorSpec spec = SampleModels.Spec("x", DataType.Fp32, dims);

        Assert.Equal(expected, string.Join(',', GenerateRequest.ShapeOf(spec, isBatching, elements).Dims.ToArray()));
    }
}
