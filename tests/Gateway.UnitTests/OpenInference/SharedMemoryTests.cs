using System.Net;
using Gateway.Core.Memory.Shared;
using Gateway.UnitTests.Memory.Shared;

namespace Gateway.UnitTests.OpenInference;

public sealed class SharedMemoryTests : IAsyncLifetime
{
    private readonly SharedRegions _regions = new(isAllowed: true);
    private readonly SharedFile _file = new([.. SampleModels.Bytes(1f, 2f), .. SampleModels.Bytes(3, 4), .. new byte[16]]);
    private InferenceServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await InferenceServer.StartAsync(regions: _regions);

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _regions.UnregisterAll<SharedRegion>();
        _file.Dispose();
    }

    [Fact]
    public async Task Infer_InputsAndOutputsShared_NeverComeOverTheWire()
    {
        await RegisterAsync("r", 0, 32);

        Answer answer = await _server.InferAsync("two", Json("""{"name":"first","parameters":{"shared_memory_region":"r","shared_memory_byte_size":8,"shared_memory_offset":16}},{"name":"second","parameters":{"shared_memory_region":"r","shared_memory_byte_size":8,"shared_memory_offset":24}}"""));

        Assert.Equal("""{"model_name":"two","model_version":"1","outputs":[{"name":"first","datatype":"FP32","shape":[1,2]},{"name":"second","datatype":"INT32","shape":[1,2]}]}""", answer.Text);
        Assert.Equal([.. SampleModels.Bytes(1f, 2f), .. SampleModels.Bytes(3, 4)], _file.Bytes[16..]);
    }

    [Fact]
    public async Task Infer_InputOfAnotherSize_IsRefusedBeforeItIsCopied()
    {
        _file.Resize(1 << 20);
        await RegisterAsync("r", 0, 1 << 20);
        long held = _server.Pool.TotalBytes;

        Answer answer = await _server.InferAsync("rank", """{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","parameters":{"shared_memory_region":"r","shared_memory_byte_size":1048576}}]}""");

        answer.AssertError(HttpStatusCode.BadRequest, "[request id: <id_unknown>] input byte size mismatch for input 'x' for model 'rank'. Expected 12, got 1048576");
        Assert.InRange(_server.Pool.TotalBytes, 0, held + (1 << 19));
    }

    [Fact]
    public async Task Infer_OneSharedOthersNot_GoTogether()
    {
        await RegisterAsync("r", 0, 32);
        const string Json = """{"inputs":[{"name":"b","shape":[1,2],"datatype":"INT32","parameters":{"binary_data_size":8}},{"name":"a","shape":[1,2],"datatype":"FP32","parameters":{"shared_memory_region":"r","shared_memory_byte_size":8}}],"outputs":[{"name":"first"},{"name":"second","parameters":{"shared_memory_region":"r","shared_memory_byte_size":10,"shared_memory_offset":20}}]}""";

        // Often enough for its JSON part to be known by heart.
        for (int i = 0; i < 20; i++)
        {
            Answer answer = await _server.InferBinaryAsync("two", Json, SampleModels.Bytes(i, 6));

            Assert.Equal("[1,2]", answer.Data());
            Assert.Equal(SampleModels.Bytes(i, 6), _file.Bytes[20..28]);
        }
    }

    [Theory]
    [InlineData("first", "r", 8, 17, "first", HttpStatusCode.BadRequest, "shared memory for output 'second' overlaps that of another output of the request")]
    [InlineData("first", "r", 7, 24, "", HttpStatusCode.BadRequest, "shared memory size specified with the request for output 'first' (7 bytes) should be at least 8 bytes to hold the results")]
    [InlineData("first", "q", 8, 0, "", HttpStatusCode.NotFound, "Unable to find shared memory region: 'q'")]
    [InlineData("first", "r", 8, 32, "", HttpStatusCode.BadRequest, "Invalid offset for shared memory region: 'r'")]
    [InlineData("first", "r", 9, 24, "", HttpStatusCode.BadRequest, "Invalid offset + byte size for shared memory region: 'r'")]
    public async Task Infer_OutputThatCannotBeThere_IsRefused(string output, string region, int bytes, int offset, string other, HttpStatusCode status, string error)
    {
        await RegisterAsync("r", 0, 32);
        string second = other.Length == 0 ? "" : """,{"name":"second","parameters":{"shared_memory_region":"r","shared_memory_byte_size":8,"shared_memory_offset":24}}""";

        Answer answer = await _server.InferAsync("two", Json($$$"""{"name":"{{{output}}}","parameters":{"shared_memory_region":"{{{region}}}","shared_memory_byte_size":{{{bytes}}},"shared_memory_offset":{{{offset}}}}}{{{second}}}"""));

        answer.AssertError(status, error);
    }

    [Theory]
    [InlineData("\"binary_data\":true", "Output can't set both 'shared_memory_region' and 'binary_data'")]
    [InlineData("\"classification\":1", "Output can't set both 'shared_memory_region' and 'classification'")]
    public async Task Infer_OutputInTwoForms_IsRefused(string parameter, string error)
    {
        await RegisterAsync("r", 0, 32);

        (await _server.InferAsync("two", Json($$$"""{"name":"first","parameters":{"shared_memory_region":"r","shared_memory_byte_size":8,{{{parameter}}}}}"""))).AssertError(HttpStatusCode.BadRequest, error);
    }

    [Fact]
    public async Task Infer_ObjectCutShortUnderIt_IsTheClientsMistake()
    {
        await RegisterAsync("r", 0, 32);
        _file.Resize(4);

        (await _server.InferAsync("two", Json("""{"name":"first"}"""))).AssertError(HttpStatusCode.BadRequest, "the object behind shared memory region 'r' can no longer be read and written as far as it was registered");
    }

    [Fact]
    public async Task Infer_ObjectCutShortAgainAndAgain_NeverEndsTheProcess()
    {
        const int Bytes = 1 << 20;
        _file.Resize(Bytes);
        await RegisterAsync("r", 0, Bytes);
        using CancellationTokenSource over = new();
        Task cutting = Task.Run(
            () =>
            {
                while (!over.IsCancellationRequested)
                {
                    _file.Resize(100);
                    _file.Resize(Bytes);
                }
            },
            CancellationToken.None);
        string json = $$$"""{"inputs":[{"name":"x","shape":[1,{{{Bytes / 8}}}],"datatype":"FP32","parameters":{"shared_memory_region":"r","shared_memory_byte_size":{{{Bytes / 2}}}}}],"outputs":[{"name":"y","parameters":{"shared_memory_region":"r","shared_memory_byte_size":{{{Bytes / 2}}},"shared_memory_offset":{{{Bytes / 2}}}}}]}""";
        HashSet<HttpStatusCode> seen = [];
        for (int i = 0; i < 500; i++) seen.Add((await _server.InferAsync("any", json)).Status);
        await over.CancelAsync();
        await cutting;

        Assert.Subset(new HashSet<HttpStatusCode> { HttpStatusCode.OK, HttpStatusCode.BadRequest }, seen);
        _file.Resize(Bytes);
        Assert.Equal(HttpStatusCode.OK, (await _server.InferAsync("any", json)).Status);
    }

    [Fact]
    public async Task Regions_RegisteredAndForgotten_AreTold()
    {
        await RegisterAsync("b c", 8, 16);
        await RegisterAsync("a", 0, 1);

        string a = $$"""{"name":"a","key":"{{_file.Key}}","offset":0,"byte_size":1}""";
        string b = $$"""{"name":"b c","key":"{{_file.Key}}","offset":8,"byte_size":16}""";
        Assert.Equal($"[{a},{b}]", (await _server.GetAsync("/v2/systemsharedmemory/status")).Text);
        Assert.Equal($"[{b}]", (await _server.GetAsync("/v2/systemsharedmemory/region/b%20c/status")).Text);
        Assert.Equal("[]", (await _server.GetAsync("/v2/cudasharedmemory/status")).Text);
        Assert.Contains("system_shared_memory", (await _server.GetAsync("/v2")).Text, StringComparison.Ordinal);
        Assert.Equal((HttpStatusCode.OK, ""), Both(await _server.PostAsync("/v2/systemsharedmemory/region/a/unregister")));
        Assert.Equal((HttpStatusCode.OK, ""), Both(await _server.PostAsync("/v2/systemsharedmemory/region/a/unregister")));
        Assert.Equal($"[{b}]", (await _server.GetAsync("/v2/systemsharedmemory/status")).Text);
        Assert.Equal((HttpStatusCode.OK, ""), Both(await _server.PostAsync("/v2/systemsharedmemory/unregister")));
        Assert.Equal("[]", (await _server.GetAsync("/v2/systemsharedmemory/status")).Text);

        static (HttpStatusCode, string) Both(Answer answer) => (answer.Status, answer.Text);
    }

    [Theory]
    [InlineData("GET", "systemsharedmemory/region/q/status", null, HttpStatusCode.NotFound, "Unable to find system shared memory region: 'q'")]
    [InlineData("GET", "cudasharedmemory/region/q/status", null, HttpStatusCode.NotFound, "Unable to find cuda shared memory region: 'q'")]
    [InlineData("GET", "cudasharedmemory/region/r/status", null, HttpStatusCode.NotFound, "The region named 'r' is registered as system shared memory, not CUDA shared memory")]
    [InlineData("POST", "systemsharedmemory/region/q/register", "{}", HttpStatusCode.BadRequest, "Shared memory register request has no 'key' field")]
    [InlineData("POST", "systemsharedmemory/region/q/register", """{"key":"/k"}""", HttpStatusCode.BadRequest, "Shared memory register request has no 'byte_size' field")]
    [InlineData("POST", "systemsharedmemory/region/q/register", """{"key":1,"byte_size":1}""", HttpStatusCode.BadRequest, "Unable to parse 'key': attempt to access JSON non-string as string")]
    [InlineData("POST", "systemsharedmemory/region/q/register", """{"key":"/k","byte_size":-1}""", HttpStatusCode.BadRequest, "Unable to parse 'byte_size': attempt to access JSON non-unsigned-integer as unsigned-integer")]
    [InlineData("POST", "systemsharedmemory/region/q/register", """{"key":"/../../etc/passwd","byte_size":1}""", HttpStatusCode.BadRequest, "Unable to open shared memory region: '/../../etc/passwd'")]
    [InlineData("POST", "systemsharedmemory/register", """{"key":"/k","byte_size":1}""", HttpStatusCode.BadRequest, "'region name' is necessary to register system shared memory region")]
    [InlineData("POST", "systemsharedmemory/region/r/register", """{"key":"/k","byte_size":1}""", HttpStatusCode.BadRequest, "shared memory region 'r' already in manager")]
    [InlineData("POST", "systemsharedmemory/region/q/register", "[", HttpStatusCode.BadRequest, "failed to parse the request JSON buffer: Invalid value. at 1")]
    [InlineData("POST", "cudasharedmemory/region/q/register", """{"raw_handle":{"b64":""},"device_id":0,"byte_size":1}""", HttpStatusCode.NotImplemented, "failed to register CUDA shared memory region: 'q', GPUs not supported")]
    [InlineData("POST", "cudasharedmemory/register", null, HttpStatusCode.BadRequest, "'region name' is necessary to register cuda shared memory region")]
    public async Task Call_EachMistake_IsTritonsError(string method, string path, string? body, HttpStatusCode status, string error)
    {
        await RegisterAsync("r", 0, 8);
        using HttpRequestMessage request = new(new HttpMethod(method), $"/v2/{path}") { Content = body is null ? null : new StringContent(body) };

        (await _server.SendAsync(request)).AssertError(status, error);
    }

    [Theory]
    [InlineData("POST", "systemsharedmemory/region/r/register")]
    [InlineData("POST", "systemsharedmemory/unregister")]
    [InlineData("POST", "cudasharedmemory/region/r/register")]
    [InlineData("POST", "cudasharedmemory/unregister")]
    public async Task Call_WhereNotAllowed_IsRefused(string method, string path)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        using HttpRequestMessage request = new(new HttpMethod(method), $"/v2/{path}");

        (await server.SendAsync(request)).AssertError(HttpStatusCode.NotImplemented, "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable.");
        Assert.Equal("[]", (await server.GetAsync("/v2/systemsharedmemory/status")).Text);
        Assert.DoesNotContain("shared_memory", (await server.GetAsync("/v2")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Register_RandomBodies_AreAnswered()
    {
        Random random = new(20261126);
        string[] parts = ["{", "}", ":", ",", "\"key\"", "\"offset\"", "\"byte_size\"", $"\"{_file.Key}\"", "1", "-1", "1e3", "\"\"", "null", "[", "]", "\\", "18446744073709551616"];
        await AssertAnsweredAsync(_server, "systemsharedmemory", random, parts);
    }

    /// <summary>Registers with bodies put together from parts at random: each is answered, well or with the client's mistake.</summary>
    internal static async Task AssertAnsweredAsync(InferenceServer server, string family, Random random, string[] parts)
    {
        for (int i = 0; i < 500; i++)
        {
            string body = string.Concat(Enumerable.Range(0, random.Next(14)).Select(_ => parts[random.Next(parts.Length)]));
            Answer answer = await server.PostAsync($"/v2/{family}/region/{random.Next(3)}/register", body);
            Assert.True(answer.Status is HttpStatusCode.OK or HttpStatusCode.BadRequest, $"{body}: {answer.Status} {answer.Text}");
            if (i % 10 == 0) await server.PostAsync($"/v2/{family}/unregister", body);
        }
    }

    /// <summary>A request of the model <c>two</c> with both inputs in the region <c>r</c>.</summary>
    internal static string Json(string outputs) =>
        $$$"""{"inputs":[{"name":"a","shape":[1,2],"datatype":"FP32","parameters":{"shared_memory_region":"r","shared_memory_byte_size":8}},{"name":"b","shape":[1,2],"datatype":"INT32","parameters":{"shared_memory_region":"r","shared_memory_byte_size":8,"shared_memory_offset":8}}],"outputs":[{{{outputs}}}]}""";

    private async Task RegisterAsync(string name, int offset, int bytes)
    {
        Answer answer = await _server.PostAsync($"/v2/systemsharedmemory/region/{Uri.EscapeDataString(name)}/register", $$"""{"key":"{{_file.Key}}","offset":{{offset}},"byte_size":{{bytes}}}""");
        Assert.Equal((HttpStatusCode.OK, ""), (answer.Status, answer.Text));
    }
}
