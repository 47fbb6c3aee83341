using System.Text;
using Gateway.Core.Execution;
using Gateway.Core.Models;
using Gateway.Core.Scheduling;
using Gateway.Protocol.Tensors;
using Gateway.TestSupport;
using Gateway.TestSupport.Simulation.Fleets;
using Gateway.UnitTests.Hosting;
using Gateway.UnitTests.OpenInference;
using Gateway.UnitTests.Proxy;

namespace Gateway.UnitTests.TensorFlow;

/// <summary>Routes whose bodies are TensorFlow Serving's predict calls: every form of request and answer, and what is wrong with others.</summary>
public sealed class PredictTests : IAsyncLifetime
{
    private const string Text = """
        { "ReverseProxy": { "Routes": {
            "one": { "Match": { "Path": "/v1/models/one:predict" }, "Metadata": { "Model": "one", "Protocol": "tensorflow" } },
            "two": { "Match": { "Path": "/v1/models/two:predict" }, "Metadata": { "Model": "two", "Protocol": "tensorflow" } },
            "text": { "Match": { "Path": "/v1/models/text:predict" }, "Metadata": { "Model": "text", "Protocol": "tensorflow" } },
            "bytes": { "Match": { "Path": "/v1/models/bytes:predict" }, "Metadata": { "Model": "bytes", "Protocol": "tensorflow" } },
            "half": { "Match": { "Path": "/v1/models/half:predict" }, "Metadata": { "Model": "half", "Protocol": "tensorflow" } },
            "flags": { "Match": { "Path": "/v1/models/flags:predict" }, "Metadata": { "Model": "flags", "Protocol": "tensorflow" } },
            "nobody": { "Match": { "Path": "/v1/models/nobody:predict" }, "Metadata": { "Model": "nobody", "Protocol": "tensorflow" } } } } }
        """;

    private readonly List<DynamicBatcher> _batchers = [];
    private ProxyHost _host = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await ProxyHost.StartAsync(Text);
        Serve("one", [Spec("x", DataType.Fp32, 2)], [Spec("y", DataType.Fp32, 2)]);
        Serve("two", [Spec("a", DataType.Fp64, 2), Spec("b", DataType.Int64, 1)], [Spec("first", DataType.Fp64, 2), Spec("second", DataType.Int64, 1)]);
        Serve("flags", [Spec("f", DataType.Bool, 1)], [Spec("g", DataType.Bool, 1)]);
        Serve("half", [Spec("x", DataType.Fp16, 1)], [Spec("y", DataType.Fp16, 1)]);
        ServeStrings("text", "t");
        ServeStrings("bytes", "t_bytes");
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        foreach (DynamicBatcher batcher in _batchers) await batcher.DisposeAsync();
    }

    [Theory]
    [InlineData("one", """{"instances":[[1,2.5],[-3,4e20]]}""", """{"predictions":[[1.0,2.5],[-3.0,4E+20]]}""")]
    [InlineData("one", """{"signature_name":"serving_default","instances":[{"x":[1,2]}],"other":{"a":[1]}}""", """{"predictions":[[1.0,2.0]]}""")]
    [InlineData("one", """{"inputs":[[1,2],[3,4]]}""", """{"outputs":[[1.0,2.0],[3.0,4.0]]}""")]
    [InlineData("one", """{"inputs":{"x":[[1,2]],"unknown":3}}""", """{"outputs":[[1.0,2.0]]}""")]
    [InlineData("one", """{"instances":[[NaN,Infinity]]}""", """{"predictions":[[NaN,Infinity]]}""")]
    [InlineData("two", """{"instances":[{"a":[1,2],"b":[3]},{"b":[6],"a":[0.1,5]}]}""", """{"predictions":[{"first":[1.0,2.0],"second":[3]},{"first":[0.1,5.0],"second":[6]}]}""")]
    [InlineData("two", """{"inputs":{"b":[[7]],"a":[[1,2]]}}""", """{"outputs":{"first":[[1.0,2.0]],"second":[[7]]}}""")]
    [InlineData("flags", """{"instances":[[true],[false]]}""", """{"predictions":[[true],[false]]}""")]
    [InlineData("text", """{"instances":[["a\u00e9\"b"],["a"]]}""", """{"predictions":[["aé\"b"],["a"]]}""")]
    [InlineData("text", """{"instances":[{"s":["a"]}]}""", """{"predictions":[["a"]]}""")]
    [InlineData("text", """{"instances":[[{"b64":"aGk="}],[{"b64":"aGk"}]]}""", """{"predictions":[["hi"],["hi"]]}""")]
    [InlineData("text", """{"inputs":[[""]]}""", """{"outputs":[[""]]}""")]
    [InlineData("bytes", """{"instances":[[{"b64":"AP8="}],["hi"]]}""", """{"predictions":[[{"b64":"AP8="}],[{"b64":"aGk="}]]}""")]
    public async Task Predict_RowsOrColumns_AreAnsweredAlike(string model, string body, string expected) => Assert.Equal((200, expected), await PostAsync(model, body));

    [Theory]
    [InlineData("one", "", 400, "The document is empty")]
    [InlineData("one", "[1]", 400, "object")]
    [InlineData("one", "{}", 400, "Missing 'inputs' or 'instances' key")]
    [InlineData("one", """{"instances":[[1,2]],"inputs":[[1,2]]}""", 400, "only one of 'inputs' or 'instances'")]
    [InlineData("one", """{"signature_name":1,"instances":[[1,2]]}""", 400, "'signature_name' key must be a string value")]
    [InlineData("one", """{"instances":{}}""", 400, "Expecting 'instances' to be an list/array")]
    [InlineData("one", """{"instances":[]}""", 400, "No values in 'instances' array")]
    [InlineData("one", """{"instances":[[1,2],[3]]}""", 400, "Encountered list at unexpected size: 1 at level: 1 expected size: 2")]
    [InlineData("one", """{"instances":[[1,2],3]}""", 400, "JSON Value found at incorrect level: 1 in the JSON DOM. Expected at level: 2")]
    [InlineData("one", """{"instances":[1,[2]]}""", 400, "Encountered list at unexpected level: 1 expected < 1")]
    [InlineData("one", """{"instances":[[[[[[[[[[1]]]]]]]]]]}""", 400, "lists nest deeper than the 8 dimensions")]
    [InlineData("one", """{"instances":[[1,2,3]]}""", 400, "unexpected shape")]
    [InlineData("one", """{"instances":[["a",2]]}""", 400, "non-number")]
    [InlineData("one", """{"inputs":5}""", 400, "")]
    [InlineData("one", """{"instances":[{"x":[1,2]},[1,2]]}""", 400, "Expecting object but got list at item 1 of input list")]
    [InlineData("one", """{"instances":[{"x":[1,2],"z":1}]}""", 400, "Failed to process element: 0 of 'instances' list. JSON object keys must be equal to: x")]
    [InlineData("one", """{"instances":[{"x":[1,2],"x":[1,2]}]}""", 400, "keys must be equal to: x")]
    [InlineData("two", """{"instances":[[1,2]]}""", 400, "expecting list of objects as multiple input tensors required")]
    [InlineData("two", """{"instances":[{"a":[1,2]}]}""", 400, "keys must be equal to: a,b")]
    [InlineData("two", """{"inputs":[[1,2]]}""", 400, "expecting an object as multiple input tensors required")]
    [InlineData("two", """{"inputs":{"a":[[1,2]]}}""", 400, "Missing named input: b in 'inputs' object.")]
    [InlineData("text", """{"instances":[[1]]}""", 400, "is not of expected type: string")]
    [InlineData("text", """{"instances":[[{"b64":"%%%"}]]}""", 400, "Unable to base64 decode")]
    [InlineData("text", """{"instances":[[{"b64":1}]]}""", 400, "not formatted correctly for base64 data")]
    [InlineData("text", """{"instances":[[{"b64":"aGk=","x":1}]]}""", 400, "not formatted correctly for base64 data")]
    [InlineData("text", """{"instances":[[{"b64":"//8="}]]}""", 400, "is not UTF-8")]
    [InlineData("half", """{"instances":[[1]]}""", 501, "Conversion of JSON Value to type: half")]
    [InlineData("nobody", """{"instances":[[1]]}""", 404, "'nobody' is not found")]
    public async Task Predict_WhatIsWrong_SaysSo(string model, string body, int status, string text)
    {
        (int got, string answer) = await PostAsync(model, body);

        Assert.Equal(status, got);
        Assert.StartsWith("{\"error\":\"", answer, StringComparison.Ordinal);
        Assert.Contains(text, answer.Replace("\\\"", "\"", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Predict_DamagedBodies_AreAnsweredOrRefused()
    {
        string[] bodies =
        [
            """{"signature_name":"s","instances":[{"a":[1,2],"b":[3]},{"b":[6],"a":[0.1,5]}]}""",
            """{"inputs":{"b":[[7],[8]],"a":[[1,2],[3,4]]}}""",
            """{"instances":[[{"b64":"aGk="}],["b\u00e9"]]}""",
        ];
        SeededRandom random = new(20261126);
        for (int i = 0; i < 1500; i++)
        {
            byte[] damaged = Encoding.UTF8.GetBytes(bodies[i % bodies.Length]);
            for (int hits = random.NextBelow(3); hits >= 0; hits--) damaged[random.NextBelow(damaged.Length)] = (byte)(random.NextBelow(4) == 0 ? random.NextBelow(256) : "[]{},:\"0123b\\"[random.NextBelow(13)]);
            if (random.NextBelow(4) == 0) damaged = damaged[..random.NextBelow(damaged.Length)];

            (int status, string answer) = await PostAsync(i % bodies.Length == 2 ? "text" : "two", damaged);

            Assert.True(status is 200 or 400, $"{status} {answer} for {Encoding.UTF8.GetString(damaged)}");
        }

        Assert.Equal(200, (await PostAsync("two", bodies[0])).Status);
    }

    private static TensorSpec Spec(string name, DataType type, params long[] dims) => SampleModels.Spec(name, type, dims);

    private void Serve(string name, TensorSpec[] inputs, TensorSpec[] outputs) =>
        Serve(name, inputs, outputs, layout => new FunctionExecutor(layout, _host.Pool, TimeProvider.System, SampleModels.Copy));

    private void ServeStrings(string name, string output) =>
        Serve(name, [Spec("s", DataType.Bytes, 1)], [Spec(output, DataType.Bytes, 1)], layout => new EchoExecutor(layout, _host.Pool));

    private void Serve(string name, TensorSpec[] inputs, TensorSpec[] outputs, Func<ModelLayout, IModelExecutor> make)
    {
        ModelLayout layout = new(name, 1, SampleModels.Config(name, 8), inputs, outputs);
        BatchingPolicy policy = new() { MaxBatchRows = 8, MaxQueueRequests = 64 };
        DynamicBatcher batcher = new(policy, policy.MakeFormer(TimeProvider.System), _host.Pool, TimeProvider.System);
        _batchers.Add(batcher);
        batcher.Start([make(layout)], layout);
        _host.Catalog.Set(TestModels.Ready(new ServedModel(layout, "CPU, 1 thread", batcher)));
    }

    private Task<(int Status, string Body)> PostAsync(string model, string body) => PostAsync(model, Encoding.UTF8.GetBytes(body));

    private async Task<(int Status, string Body)> PostAsync(string model, byte[] body)
    {
        using ByteArrayContent content = new(body);
        using HttpResponseMessage answer = await _host.Client.PostAsync(new Uri($"/v1/models/{model}:predict", UriKind.Relative), content, TestContext.Current.CancellationToken);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }
}
