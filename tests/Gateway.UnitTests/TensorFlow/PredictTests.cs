using System.Text;
using Gateway.Core.Diagnostics;
using Gateway.Core.Execution;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol.Tensors;
using Gateway.Server.Hosting;
using Gateway.Server.OpenInference;
using Gateway.Server.Tenants;
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
            "gated": { "Match": { "Path": "/v1/models/gated:predict" }, "Metadata": { "Model": "gated", "Protocol": "tensorflow" } },
            "nobody": { "Match": { "Path": "/v1/models/nobody:predict" }, "Metadata": { "Model": "nobody", "Protocol": "tensorflow" } } } } }
        """;

    private readonly List<DynamicBatcher> _batchers = [];
    private readonly ManualResetEventSlim _gate = new();
    private ProxyHost _host = null!;

    public async ValueTask InitializeAsync()
    {
        TenantsOptions tenants = new() { TrustNames = true, Named = { ["two"] = new TenantOptions { MaxConcurrency = 2 }, ["many"] = new TenantOptions { MaxConcurrency = 10 } } };
        _host = await ProxyHost.StartWithAsync(Text, new ServerOptions { Tenants = tenants });
        Serve("one", [Spec("x", DataType.Fp32, 2)], [Spec("y", DataType.Fp32, 2)]);
        Serve("two", [Spec("a", DataType.Fp64, 2), Spec("b", DataType.Int64, 1)], [Spec("first", DataType.Fp64, 2), Spec("second", DataType.Int64, 1)]);
        Serve("flags", [Spec("f", DataType.Bool, 1)], [Spec("g", DataType.Bool, 1)]);
        Serve("half", [Spec("x", DataType.Fp16, 1)], [Spec("y", DataType.Fp16, 1)]);
        Serve("gated", [Spec("x", DataType.Fp32, 1)], [Spec("y", DataType.Fp32, 1)], layout => new FunctionExecutor(layout, _host.Pool, TimeProvider.System, (batch, inputs, outputs) =>
        {
            _gate.Wait();
            SampleModels.Copy(batch, inputs, outputs);
        }), mostRows: 1, mostQueued: 1);
        ServeStrings("text", "t");
        ServeStrings("bytes", "t_bytes");
    }

    public async ValueTask DisposeAsync()
    {
        _gate.Set();
        await _host.DisposeAsync();
        foreach (DynamicBatcher batcher in _batchers) await batcher.DisposeAsync();
        _gate.Dispose();
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

    [Fact]
    public async Task Predict_OverItsTenantsConcurrency_IsRefusedEachTime()
    {
        Task<(int Status, string Body)>[] running = await OccupyAsync("two");

        for (int i = 0; i < 3; i++) Assert.Equal(429, (await PostAsync("one", """{"instances":[[1,2]]}""", "two")).Status);

        Assert.Equal(2, InFlight("two"));
        _gate.Set();
        Assert.All(await Task.WhenAll(running), answer => Assert.Equal(200, answer.Status));
        await Eventually.TrueAsync(() => InFlight("two") == 0, "none is in flight");
        Assert.Equal(200, (await PostAsync("one", """{"instances":[[1,2]]}""", "two")).Status);
    }

    [Fact]
    public async Task Predict_QueueIsFull_LeavesItsTenantOnce()
    {
        Task<(int Status, string Body)>[] running = await OccupyAsync("many");

        Assert.Equal(503, (await PostAsync("gated", """{"instances":[[1]]}""", "many")).Status);

        Assert.Equal(2, InFlight("many"));
        _gate.Set();
        Assert.All(await Task.WhenAll(running), answer => Assert.Equal(200, answer.Status));
    }

    [Fact]
    public async Task Predict_BodyThatTookAllItsTime_IsExpiredAndNotRun()
    {
        byte[] body = """{"instances":[[1,2]]}"""u8.ToArray();
        using RawConnection connection = await RawConnection.OpenAsync(_host.Client.BaseAddress!.Port);

        await connection.SendAsync(Encoding.ASCII.GetBytes($"POST /v1/models/one:predict HTTP/1.1\r\nHost: h\r\n{TimeoutHeader.Name}: 100\r\nContent-Length: {body.Length}\r\n\r\n"));
        await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, TestContext.Current.CancellationToken);
        await connection.SendAsync(body);
        (string head, byte[] text) = await connection.ReadAnswerAsync();

        Assert.StartsWith("HTTP/1.1 503", head);
        Assert.Contains("Request timeout expired", Encoding.UTF8.GetString(text), StringComparison.Ordinal);
        ModelCounts counts = _host.Catalog.Find("one", 0).Batcher.Statistics.Snapshot();
        Assert.Equal((1, 1, 0), (counts.Accepted, counts[RequestOutcome.Expired], counts.Executions));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Predict_Explained_SaysItsTimes(bool asks)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/models/one:predict") { Content = new StringContent("""{"instances":[[1,2]]}""") };
        if (asks) request.Headers.Add(ServerTiming.AskHeader, "1");

        using HttpResponseMessage answer = await _host.Client.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(asks, answer.Headers.TryGetValues(ServerTiming.HeaderName, out IEnumerable<string>? timing));
        if (asks) Assert.Contains("scatter;dur=", Assert.Single(timing!), StringComparison.Ordinal);
    }

    /// <summary>Has one request run until the gate is open, and another one wait for it: there is no room for a third.</summary>
    private async Task<Task<(int Status, string Body)>[]> OccupyAsync(string tenant)
    {
        DynamicBatcher gated = _host.Catalog.Find("gated", 0).Batcher;
        Task<(int Status, string Body)> first = PostAsync("gated", """{"instances":[[1]]}""", tenant);
        await Eventually.TrueAsync(() => gated.Statistics.Snapshot().Accepted == 1 && gated.PendingRequests == 0, "it runs");
        Task<(int Status, string Body)> second = PostAsync("gated", """{"instances":[[1]]}""", tenant);
        await Eventually.TrueAsync(() => gated.PendingRequests == 1, "the next one waits");
        return [first, second];
    }

    private long InFlight(string tenant) => _host.Tenants.Find(tenant)!.Snapshot().InFlight;

    private static TensorSpec Spec(string name, DataType type, params long[] dims) => SampleModels.Spec(name, type, dims);

    private void Serve(string name, TensorSpec[] inputs, TensorSpec[] outputs) =>
        Serve(name, inputs, outputs, layout => new FunctionExecutor(layout, _host.Pool, TimeProvider.System, SampleModels.Copy));

    private void ServeStrings(string name, string output) =>
        Serve(name, [Spec("s", DataType.Bytes, 1)], [Spec(output, DataType.Bytes, 1)], layout => new EchoExecutor(layout, _host.Pool));

    private void Serve(string name, TensorSpec[] inputs, TensorSpec[] outputs, Func<ModelLayout, IModelExecutor> make, int mostRows = 8, int mostQueued = 64)
    {
        ModelLayout layout = new(name, 1, SampleModels.Config(name, mostRows), inputs, outputs);
        BatchingPolicy policy = new() { MaxBatchRows = mostRows, MaxQueueRequests = mostQueued };
        DynamicBatcher batcher = new(policy, policy.MakeFormer(TimeProvider.System), _host.Pool, TimeProvider.System);
        _batchers.Add(batcher);
        batcher.Start([make(layout)], layout);
        _host.Catalog.Set(TestModels.Ready(new ServedModel(layout, "CPU, 1 thread", batcher)));
    }

    private Task<(int Status, string Body)> PostAsync(string model, string body, string? tenant = null) => PostAsync(model, Encoding.UTF8.GetBytes(body), tenant);

    private async Task<(int Status, string Body)> PostAsync(string model, byte[] body, string? tenant = null)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, $"/v1/models/{model}:predict") { Content = new ByteArrayContent(body) };
        if (tenant is not null) request.Headers.Add(CallerTenants.HeaderName, tenant);
        using HttpResponseMessage answer = await _host.Client.SendAsync(request, TestContext.Current.CancellationToken);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }
}
