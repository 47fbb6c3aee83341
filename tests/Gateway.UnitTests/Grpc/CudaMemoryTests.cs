using Gateway.Core.Memory.Shared;
using Gateway.Server.Grpc.Messages;
using Gateway.Server.Grpc.Wire;
using Gateway.UnitTests.Memory.Shared.Cuda;
using Gateway.UnitTests.OpenInference;
using Google.Protobuf;

namespace Gateway.UnitTests.Grpc;

public sealed class CudaMemoryTests : IAsyncLifetime
{
    private readonly FakeCudaDriver _driver = new();
    private readonly byte[] _memory = [.. SampleModels.Bytes(1f, 2f), .. SampleModels.Bytes(3, 4), .. new byte[16]];
    private readonly ByteString _handle;
    private readonly SharedRegions _regions;
    private readonly ManualResetEventSlim _gate = new();
    private GrpcServer _server = null!;

    public CudaMemoryTests()
    {
        _regions = new SharedRegions(isAllowed: true, () => _driver);
        _handle = ByteString.CopyFrom(_driver.Allocate(_memory));
    }

    public async ValueTask InitializeAsync() => _server = await GrpcServer.StartAsync(regions: _regions);

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

        ModelInferResponse response = await _server.Client.InferAsync(SharedMemoryTests.Two());

        Assert.Equal(["", ""], response.RawOutputContents.Select(each => each.ToStringUtf8()));
        Assert.Equal([1, 2], response.Outputs[1].Shape);
        Assert.Equal([.. SampleModels.Bytes(1f, 2f), .. SampleModels.Bytes(3, 4)], _memory[16..]);
    }

    [Fact]
    public async Task Stream_OnTheDevice_IsWrittenBeforeItIsAnswered()
    {
        await RegisterAsync("r", 32);
        using GrpcDuplex stream = _server.Client.Open(GrpcClient.Service + "ModelStreamInfer");

        await stream.WriteAsync(SharedMemoryTests.Two());
        ModelStreamInferResponse first = (await stream.ReadAsync(ModelStreamInferResponse.Parser))!;
        byte[] written = _memory[24..];
        _driver.Failing = "cuMemcpyHtoD";
        await stream.WriteAsync(SharedMemoryTests.Two());
        ModelStreamInferResponse second = (await stream.ReadAsync(ModelStreamInferResponse.Parser))!;
        stream.Close();

        Assert.Equal("", first.ErrorMessage);
        Assert.Equal(SampleModels.Bytes(3, 4), written);
        Assert.Equal("CUDA shared memory region 'r' could not be written: cuMemcpyHtoD: CUDA_ERROR_DEVICE_UNAVAILABLE", second.ErrorMessage);
        Assert.Equal((0, ""), await stream.EndAsync());
    }

    [Fact]
    public async Task Unregister_WhileTheRequestRuns_ItsOutputIsStillWritten()
    {
        _server.Server.AddGated(_gate);
        await RegisterAsync("r", 32);
        ModelInferRequest request = Requests.Raw("gated", [1, 1], 5);
        request.Outputs.Add(new ModelInferRequest.Types.InferRequestedOutputTensor { Name = "y" });
        SharedMemoryTests.Share(request.Outputs[0].Parameters, 28, 4);
        Task<ModelInferResponse> answer = _server.Client.InferAsync(request);
        await Eventually.TrueAsync(() => _server.Catalog.Find("gated", 0).Batcher.Statistics.Snapshot().Accepted == 1, "it is under way");

        (await _server.Client.CallAsync("CudaSharedMemoryUnregister", new CudaSharedMemoryUnregisterRequest { Name = "r" })).Single(CudaSharedMemoryUnregisterResponse.Parser);
        Assert.Empty((await StatusAsync("")).Regions);
        _gate.Set();
        await answer;

        Assert.Equal(SampleModels.Bytes(5f), _memory[28..]);
        await Eventually.TrueAsync(() => _driver.Open == 0, "it is closed");
    }

    [Fact]
    public async Task Status_Regions_AreToldByName()
    {
        await RegisterAsync("a", 32);
        await RegisterAsync("b", 4, device: 1);

        CudaSharedMemoryStatusResponse all = await StatusAsync("");
        CudaSharedMemoryStatusResponse one = await StatusAsync("b");

        Assert.Equal(["a", "b"], all.Regions.Keys.Order());
        Assert.Equal(new CudaSharedMemoryStatusResponse.Types.RegionStatus { Name = "b", DeviceId = 1, ByteSize = 4 }, Assert.Single(one.Regions).Value);
        Assert.Empty((await _server.Client.CallAsync("SystemSharedMemoryStatus", new SystemSharedMemoryStatusRequest())).Single(SystemSharedMemoryStatusResponse.Parser).Regions);
        Assert.Contains("cuda_shared_memory", (await _server.Client.CallAsync("ServerMetadata", new ServerMetadataRequest())).Single(ServerMetadataResponse.Parser).Extensions);
        (await _server.Client.CallAsync("CudaSharedMemoryUnregister", new CudaSharedMemoryUnregisterRequest())).Single(CudaSharedMemoryUnregisterResponse.Parser);
        Assert.Empty((await StatusAsync("")).Regions);
    }

    [Fact]
    public async Task Call_EachMistake_IsTritonsError()
    {
        await RegisterAsync("r", 32);
        (string Method, IMessage Request, GrpcStatus Status, string Error)[] cases =
        [
            Register(request => request.Name = "r", "shared memory region 'r' already in manager", GrpcStatus.AlreadyExists),
            Register(request => request.Name = "", "'region name' is necessary to register cuda shared memory region"),
            Register(request => request.RawHandle = ByteString.Empty, "'raw_handle' must be a valid cudaIpcMemHandle_t, which has 64 bytes"),
            Register(request => request.RawHandle = ByteString.CopyFrom(new byte[64]), "failed to register CUDA shared memory region 'q': failed to open CUDA IPC handle: CUDA_ERROR_INVALID_VALUE"),
            Register(request => request.ByteSize = 33, "failed to register CUDA shared memory region 'q': invalid args"),
            Register(request => request.ByteSize = 0, "failed to register CUDA shared memory region 'q': invalid args"),
            Register(request => request.DeviceId = -1, "failed to register CUDA shared memory region 'q': cuDeviceGet: CUDA_ERROR_INVALID_DEVICE"),
            ("CudaSharedMemoryStatus", new CudaSharedMemoryStatusRequest { Name = "q" }, GrpcStatus.NotFound, "Unable to find cuda shared memory region: 'q'"),
            ("SystemSharedMemoryStatus", new SystemSharedMemoryStatusRequest { Name = "r" }, GrpcStatus.NotFound, "The region named 'r' is registered as CUDA shared memory, not system shared memory"),
            Infer(request => request.Inputs[0].Parameters["shared_memory_region"].StringParam = "q", "Unable to find shared memory region: 'q'", GrpcStatus.NotFound),
            Infer(request => request.Inputs[0].Parameters["shared_memory_offset"].Int64Param = 32, "Invalid offset for shared memory region: 'r'"),
            Infer(request => request.Inputs[0].Parameters["shared_memory_byte_size"].Int64Param = 33, "Invalid offset + byte size for shared memory region: 'r'"),
            Infer(request => request.Outputs[0].Parameters["shared_memory_offset"].Int64Param = 20, "shared memory for output 'second' overlaps that of another output of the request"),
            Infer(request => request.Outputs[0].Parameters["shared_memory_byte_size"].Int64Param = 7, "shared memory size specified with the request for output 'first' (7 bytes) should be at least 8 bytes to hold the results"),
        ];
        foreach ((string method, IMessage request, GrpcStatus status, string error) in cases)
        {
            GrpcAnswer answer = await _server.Client.CallAsync(method, request);
            Assert.Equal((method, (int)status, error), (method, answer.Status, answer.Message));
        }

        _driver.Failing = "cuMemcpyDtoH";
        GrpcAnswer lost = await _server.Client.CallAsync("ModelInfer", SharedMemoryTests.Two());
        Assert.Equal(((int)GrpcStatus.Internal, "CUDA shared memory region 'r' could not be read: cuMemcpyDtoH: CUDA_ERROR_DEVICE_UNAVAILABLE"), (lost.Status, lost.Message));

        (string, IMessage, GrpcStatus, string) Register(Action<CudaSharedMemoryRegisterRequest> change, string error, GrpcStatus status = GrpcStatus.InvalidArgument)
        {
            CudaSharedMemoryRegisterRequest request = new() { Name = "q", RawHandle = _handle, ByteSize = 32 };
            change(request);
            return ("CudaSharedMemoryRegister", request, status, error);
        }

        static (string, IMessage, GrpcStatus, string) Infer(Action<ModelInferRequest> change, string error, GrpcStatus status = GrpcStatus.InvalidArgument)
        {
            ModelInferRequest request = SharedMemoryTests.Two();
            change(request);
            return ("ModelInfer", request, status, error);
        }
    }

    private async Task<CudaSharedMemoryStatusResponse> StatusAsync(string name) =>
        (await _server.Client.CallAsync("CudaSharedMemoryStatus", new CudaSharedMemoryStatusRequest { Name = name })).Single(CudaSharedMemoryStatusResponse.Parser);

    private async Task RegisterAsync(string name, ulong bytes, long device = 0) =>
        (await _server.Client.CallAsync("CudaSharedMemoryRegister", new CudaSharedMemoryRegisterRequest { Name = name, RawHandle = _handle, DeviceId = device, ByteSize = bytes })).Single(CudaSharedMemoryRegisterResponse.Parser);
}
