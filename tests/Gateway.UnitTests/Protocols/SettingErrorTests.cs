using System.Net;
using System.Text.Json;
using Gateway.Core.Memory.Shared;
using Gateway.Server.Grpc.Messages;
using Gateway.Server.Grpc.Wire;
using Gateway.UnitTests.Grpc;
using Gateway.UnitTests.OpenInference;
using Google.Protobuf;
using TraceValue = Gateway.Server.Grpc.Messages.TraceSettingRequest.Types.SettingValue;

namespace Gateway.UnitTests.Protocols;

/// <summary>Mistakes in calls that are no inferences: what each protocol says of the same one.</summary>
public sealed class SettingErrorTests : IAsyncLifetime
{
    private const string Reserved = "triton_python_backend_shm_region_";

    private readonly SharedRegions _regions = new(isAllowed: true);
    private GrpcServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await GrpcServer.StartAsync(regions: _regions);

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData("trace_rate", "x", "Unable to parse 'trace_rate', got: x")]
    [InlineData("trace_rate", "-", "Unable to parse 'trace_rate', got: -")]
    [InlineData("trace_rate", "-1", "Unable to parse 'trace_rate', value is out of range [ 0, 4294967295 ], got: -1")]
    [InlineData("trace_rate", "4294967296", "Unable to parse 'trace_rate', value is out of range [ 0, 4294967295 ], got: 4294967296")]
    [InlineData("trace_count", "-2", "Unable to parse 'trace_count'. Expecting value >= -1, got:-2")]
    [InlineData("trace_count", "-2147483649", "Unable to parse 'trace_count', value is out of range [ -1, 2147483647 ], got: -2147483649")]
    [InlineData("trace_count", "2147483648", "Unable to parse 'trace_count', value is out of range [ -1, 2147483647 ], got: 2147483648")]
    [InlineData("log_frequency", "1e3", "Unable to parse 'log_frequency', got: 1e3")]
    [InlineData("log_frequency", "99999999999999999999999999999999999999", "Unable to parse 'log_frequency', value is out of range [ 0, 4294967295 ], got: 99999999999999999999999999999999999999")]
    [InlineData("nothing", "1", "unknown trace setting 'nothing'")]
    public async Task TraceSetting_Mistake_HasItsStatusAndText(string name, string value, string text)
    {
        string body = JsonSerializer.Serialize(new Dictionary<string, string> { [name] = value });

        await SameAsync("TraceSetting", new TraceSettingRequest { ModelName = "rank", Settings = { [name] = new TraceValue { Value = { value } } } }, "/v2/models/rank/trace/setting", body, GrpcStatus.InvalidArgument, HttpStatusCode.BadRequest, text);
    }

    [Theory]
    [InlineData("r", "/" + Reserved + "x", "cannot register shared memory region 'r' with key '/" + Reserved + "x' as the key contains the reserved prefix '" + Reserved + "'")]
    [InlineData("r", Reserved, "cannot register shared memory region 'r' with key '" + Reserved + "' as the key contains the reserved prefix '" + Reserved + "'")]
    [InlineData("r", "/gateway-test-nobody-has-made-it", "Unable to open shared memory region: '/gateway-test-nobody-has-made-it'")]
    public async Task Register_Mistake_HasItsStatusAndText(string name, string key, string text) => await SameAsync(
        "SystemSharedMemoryRegister", new SystemSharedMemoryRegisterRequest { Name = name, Key = key, ByteSize = 8 },
        $"/v2/systemsharedmemory/region/{name}/register", $$"""{"key":"{{key}}","offset":0,"byte_size":8}""",
        GrpcStatus.InvalidArgument, HttpStatusCode.BadRequest, text);

    private async Task SameAsync(string method, IMessage message, string path, string body, GrpcStatus grpc, HttpStatusCode http, string text)
    {
        GrpcAnswer answer = await _server.Client.CallAsync(method, message);

        Assert.Equal(((int)grpc, text), (answer.Status, answer.Message));
        (await _server.Server.PostAsync(path, body)).AssertError(http, text);
    }
}
