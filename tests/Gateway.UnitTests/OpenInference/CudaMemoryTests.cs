using System.Net;
using Gateway.Core.Memory.Shared;
using Gateway.UnitTests.Memory.Shared;
using Gateway.UnitTests.Memory.Shared.Cuda;

namespace Gateway.UnitTests.OpenInference;

public sealed class CudaMemoryTests : IAsyncLifetime
{
    private readonly FakeCudaDriver _driver = new();
    private readonly byte[] _memory = [.. SampleModels.Bytes(1f, 2f), .. SampleModels.Bytes(3, 4), .. new byte[16]];
    private readonly string _handle;
    private readonly SharedRegions _regions;
    private readonly ManualResetEventSlim _gate = new();
    private InferenceServer _server = null!;

    public CudaMemoryTests()
    {
        _regions = new SharedRegions(isAllowed: true, () => _driver);
        _handle = Convert.ToBase64String(_driver.Allocate(_memory));
    }

    public async ValueTask InitializeAsync() => _server = await InferenceServer.StartAsync(regions: _regions);

    public async ValueTask DisposeAsync()
    {
        _gate.Set();
        await _server.DisposeAsync();
        _gate.Dispose();
        _driver.Failing = null;
        _regions.UnregisterAll<SharedRegion>();
        _driver.AssertAllBack();
    }

    [Fact]
    public async Task Infer_InputsAndOutputsOnTheDevice_NeverComeOverTheWire()
    {
        await RegisterAsync("r", 32);

        Answer answer = await _server.InferAsync("two", SharedMemoryTests.Json("""{"name":"first","parameters":{"shared_memory_region":"r","shared_memory_byte_size":8,"shared_memory_offset":16}},{"name":"second","parameters":{"shared_memory_region":"r","shared_memory_byte_size":8,"shared_memory_offset":24}}"""));

        Assert.Equal("""{"model_name":"two","model_version":"1","outputs":[{"name":"first","datatype":"FP32","shape":[1,2]},{"name":"second","datatype":"INT32","shape":[1,2]}]}""", answer.Text);
        Assert.Equal([.. SampleModels.Bytes(1f, 2f), .. SampleModels.Bytes(3, 4)], _memory[16..]);
    }

    [Fact]
    public async Task Infer_BothFamiliesInOneRequest_GoTogether()
    {
        using SharedFile file = new([.. SampleModels.Bytes(5, 6), .. new byte[8]]);
        await RegisterAsync("r", 32);
        _regions.Register("s", file.Key, 0, 16);

        Answer answer = await _server.InferAsync("two", """{"inputs":[{"name":"a","shape":[1,2],"datatype":"FP32","parameters":{"shared_memory_region":"r","shared_memory_byte_size":8}},{"name":"b","shape":[1,2],"datatype":"INT32","parameters":{"shared_memory_region":"s","shared_memory_byte_size":8}}],"outputs":[{"name":"first","parameters":{"shared_memory_region":"s","shared_memory_byte_size":8,"shared_memory_offset":8}},{"name":"second","parameters":{"shared_memory_region":"r","shared_memory_byte_size":8,"shared_memory_offset":24}}]}""");

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal(SampleModels.Bytes(1f, 2f), file.Bytes[8..]);
        Assert.Equal(SampleModels.Bytes(5, 6), _memory[24..]);
    }

    [Theory]
    [InlineData("first", "r", 8, 17, "first", HttpStatusCode.BadRequest, "shared memory for output 'second' overlaps that of another output of the request")]
    [InlineData("first", "r", 7, 24, "", HttpStatusCode.BadRequest, "shared memory size specified with the request for output 'first' (7 bytes) should be at least 8 bytes to hold the results")]
    [InlineData("first", "q", 8, 0, "", HttpStatusCode.NotFound, "Unable to find shared memory region: 'q'")]
    [InlineData("first", "r", 8, 32, "", HttpStatusCode.BadRequest, "Invalid offset for shared memory region: 'r'")]
    [InlineData("first", "r", 9, 24, "", HttpStatusCode.BadRequest, "Invalid offset + byte size for shared memory region: 'r'")]
    public async Task Infer_OutputThatCannotBeThere_IsRefused(string output, string region, int bytes, int offset, string other, HttpStatusCode status, string error)
    {
        await RegisterAsync("r", 32);
        string second = other.Length == 0 ? "" : """,{"name":"second","parameters":{"shared_memory_region":"r","shared_memory_byte_size":8,"shared_memory_offset":24}}""";

        Answer answer = await _server.InferAsync("two", SharedMemoryTests.Json($$$"""{"name":"{{{output}}}","parameters":{"shared_memory_region":"{{{region}}}","shared_memory_byte_size":{{{bytes}}},"shared_memory_offset":{{{offset}}}}}{{{second}}}"""));

        answer.AssertError(status, error);
        Assert.Equal(new byte[16], _memory[16..]);
    }

    [Theory]
    [InlineData("cuMemcpyDtoH", "read")]
    [InlineData("cuMemcpyHtoD", "written")]
    public async Task Infer_DeviceLost_FailsThatRequestAlone(string step, string action)
    {
        await RegisterAsync("r", 32);
        string json = SharedMemoryTests.Json("""{"name":"first","parameters":{"shared_memory_region":"r","shared_memory_byte_size":8,"shared_memory_offset":16}}""");
        _driver.Failing = step;

        (await _server.InferAsync("two", json)).AssertError(HttpStatusCode.InternalServerError, $"CUDA shared memory region 'r' could not be {action}: {step}: CUDA_ERROR_DEVICE_UNAVAILABLE");
        _driver.Failing = null;
        Assert.Equal(HttpStatusCode.OK, (await _server.InferAsync("two", json)).Status);
    }

    [Fact]
    public async Task Unregister_WhileTheRequestRuns_ItsOutputIsStillWritten()
    {
        _server.AddGated(_gate);
        await RegisterAsync("r", 32);
        Task<Answer> answer = _server.InferAsync("gated", """{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","parameters":{"shared_memory_region":"r","shared_memory_byte_size":4}}],"outputs":[{"name":"y","parameters":{"shared_memory_region":"r","shared_memory_byte_size":4,"shared_memory_offset":28}}]}""");
        await Eventually.TrueAsync(() => _server.Catalog.Find("gated", 0).Batcher.Statistics.Snapshot().Accepted == 1, "it is under way");

        Assert.Equal(HttpStatusCode.OK, (await _server.PostAsync("/v2/cudasharedmemory/unregister")).Status);
        Assert.Equal("[]", (await _server.GetAsync("/v2/cudasharedmemory/status")).Text);
        Assert.Equal(1, _driver.Open);
        _gate.Set();
        Assert.Equal(HttpStatusCode.OK, (await answer).Status);

        Assert.Equal(SampleModels.Bytes(1f), _memory[28..]);
        await Eventually.TrueAsync(() => _driver.Open == 0, "it is closed");
    }

    [Fact]
    public async Task Regions_RegisteredAndForgotten_AreTold()
    {
        using SharedFile file = new(new byte[8]);
        await RegisterAsync("b c", 16, device: 1);
        await RegisterAsync("a", 1);
        _regions.Register("s", file.Key, 0, 8);

        const string A = """{"name":"a","device_id":0,"byte_size":1}""";
        const string B = """{"name":"b c","device_id":1,"byte_size":16}""";
        Assert.Equal($"[{A},{B}]", (await _server.GetAsync("/v2/cudasharedmemory/status")).Text);
        Assert.Equal($"[{B}]", (await _server.GetAsync("/v2/cudasharedmemory/region/b%20c/status")).Text);
        Assert.StartsWith("[{\"name\":\"s\",\"key\":", (await _server.GetAsync("/v2/systemsharedmemory/status")).Text, StringComparison.Ordinal);
        Assert.Contains("\"cuda_shared_memory\"", (await _server.GetAsync("/v2")).Text, StringComparison.Ordinal);
        for (int i = 0; i < 2; i++) Assert.Equal((HttpStatusCode.OK, ""), Both(await _server.PostAsync("/v2/cudasharedmemory/region/a/unregister")));
        Assert.Equal((HttpStatusCode.OK, ""), Both(await _server.PostAsync("/v2/cudasharedmemory/region/s/unregister")));
        Assert.Equal($"[{B}]", (await _server.GetAsync("/v2/cudasharedmemory/status")).Text);
        Assert.Equal((HttpStatusCode.OK, ""), Both(await _server.PostAsync("/v2/cudasharedmemory/unregister")));
        Assert.Equal("[]", (await _server.GetAsync("/v2/cudasharedmemory/status")).Text);
        Assert.NotEqual("[]", (await _server.GetAsync("/v2/systemsharedmemory/status")).Text);

        static (HttpStatusCode, string) Both(Answer answer) => (answer.Status, answer.Text);
    }

    [Theory]
    [InlineData("GET", "cudasharedmemory/region/q/status", null, HttpStatusCode.NotFound, "Unable to find cuda shared memory region: 'q'")]
    [InlineData("GET", "systemsharedmemory/region/r/status", null, HttpStatusCode.NotFound, "The region named 'r' is registered as CUDA shared memory, not system shared memory")]
    [InlineData("POST", "cudasharedmemory/region/q/register", "{}", HttpStatusCode.BadRequest, "Unable to parse 'raw_handle': attempt to access non-existing object member 'raw_handle'")]
    [InlineData("POST", "cudasharedmemory/region/q/register", """{"raw_handle":"x"}""", HttpStatusCode.BadRequest, "Unable to parse 'raw_handle': attempt to access JSON non-object as object")]
    [InlineData("POST", "cudasharedmemory/region/q/register", """{"raw_handle":{}}""", HttpStatusCode.BadRequest, "Unable to parse 'b64': attempt to access non-existing object member 'b64'")]
    [InlineData("POST", "cudasharedmemory/region/q/register", """{"raw_handle":{"b64":1}}""", HttpStatusCode.BadRequest, "Unable to parse 'b64': attempt to access JSON non-string as string")]
    [InlineData("POST", "cudasharedmemory/region/q/register", """{"raw_handle":{"b64":"!"}}""", HttpStatusCode.BadRequest, "'raw_handle' must be a valid base64 encoded cudaIpcMemHandle_t")]
    [InlineData("POST", "cudasharedmemory/region/q/register", """{"raw_handle":{"b64":"AAAA"}}""", HttpStatusCode.BadRequest, "'raw_handle' must be a valid base64 encoded cudaIpcMemHandle_t")]
    [InlineData("POST", "cudasharedmemory/region/q/register", """{"raw_handle":{"b64":"HANDLE"},"device_id":0}""", HttpStatusCode.BadRequest, "Unable to parse 'byte_size': attempt to access non-existing object member 'byte_size'")]
    [InlineData("POST", "cudasharedmemory/region/q/register", """{"raw_handle":{"b64":"HANDLE"},"byte_size":1}""", HttpStatusCode.BadRequest, "Unable to parse 'device_id': attempt to access non-existing object member 'device_id'")]
    [InlineData("POST", "cudasharedmemory/region/q/register", """{"raw_handle":{"b64":"HANDLE"},"device_id":-1,"byte_size":1}""", HttpStatusCode.BadRequest, "Unable to parse 'device_id': attempt to access JSON non-unsigned-integer as unsigned-integer")]
    [InlineData("POST", "cudasharedmemory/region/q/register", """{"raw_handle":{"b64":"HANDLE"},"device_id":18446744073709551615,"byte_size":1}""", HttpStatusCode.BadRequest, "failed to register CUDA shared memory region 'q': cuDeviceGet: CUDA_ERROR_INVALID_DEVICE")]
    [InlineData("POST", "cudasharedmemory/region/q/register", """{"raw_handle":{"b64":"HANDLE"},"device_id":0,"byte_size":33}""", HttpStatusCode.BadRequest, "failed to register CUDA shared memory region 'q': invalid args")]
    [InlineData("POST", "cudasharedmemory/region/q/register", """{"raw_handle":{"b64":"NOTHING"},"device_id":0,"byte_size":1}""", HttpStatusCode.BadRequest, "failed to register CUDA shared memory region 'q': failed to open CUDA IPC handle: CUDA_ERROR_INVALID_VALUE")]
    [InlineData("POST", "cudasharedmemory/region/r/register", """{"raw_handle":{"b64":"HANDLE"},"device_id":0,"byte_size":1}""", HttpStatusCode.BadRequest, "shared memory region 'r' already in manager")]
    [InlineData("POST", "cudasharedmemory/region/q/register", "[", HttpStatusCode.BadRequest, "failed to parse the request JSON buffer: Invalid value. at 1")]
    [InlineData("POST", "cudasharedmemory/register", null, HttpStatusCode.BadRequest, "'region name' is necessary to register cuda shared memory region")]
    public async Task Call_EachMistake_IsTritonsError(string method, string path, string? body, HttpStatusCode status, string error)
    {
        await RegisterAsync("r", 8);
        body = body?.Replace("HANDLE", _handle, StringComparison.Ordinal).Replace("NOTHING", Convert.ToBase64String(new byte[64]), StringComparison.Ordinal);
        using HttpRequestMessage request = new(new HttpMethod(method), $"/v2/{path}") { Content = body is null ? null : new StringContent(body) };

        (await _server.SendAsync(request)).AssertError(status, error);
        Assert.Equal(1, _driver.Open);
    }

    [Fact]
    public async Task Register_RandomBodies_AreAnswered()
    {
        Random random = new(20261127);
        string[] parts = ["{", "}", ":", ",", "\"raw_handle\"", "\"b64\"", "\"device_id\"", "\"byte_size\"", $"\"{_handle}\"", $$"""{"raw_handle":{"b64":"{{_handle}}"},"device_id":0,"byte_size":""", "\"\\u0041=\"", "1", "-1", "null", "[", "]", "\\", "18446744073709551616"];
        await SharedMemoryTests.AssertAnsweredAsync(_server, "cudasharedmemory", random, parts);
    }

    private async Task RegisterAsync(string name, int bytes, int device = 0)
    {
        Answer answer = await _server.PostAsync($"/v2/cudasharedmemory/region/{Uri.EscapeDataString(name)}/register", $$"""{"raw_handle":{"b64":"{{_handle}}"},"device_id":{{device}},"byte_size":{{bytes}}}""");
        Assert.Equal((HttpStatusCode.OK, ""), (answer.Status, answer.Text));
    }
}
