using Gateway.Core.Memory.Shared;
using Gateway.Server.Grpc.Messages;
using Gateway.Server.Grpc.Wire;
using Gateway.UnitTests.Memory.Shared;
using Gateway.UnitTests.OpenInference;
using Google.Protobuf;

namespace Gateway.UnitTests.Grpc;

public sealed class SharedMemoryTests : IAsyncLifetime
{
    private readonly SharedRegions _regions = new(isAllowed: true);
    private readonly SharedFile _file = new([.. SampleModels.Bytes(1f, 2f), .. SampleModels.Bytes(3, 4), .. new byte[16]]);
    private readonly ManualResetEventSlim _gate = new();
    private GrpcServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await GrpcServer.StartAsync(regions: _regions);

    public async ValueTask DisposeAsync()
    {
        _gate.Set();
        await _server.DisposeAsync();
        _gate.Dispose();
        _regions.UnregisterAll<SharedRegion>();
        _file.Dispose();
    }

    [Fact]
    public async Task Infer_InputsAndOutputsShared_NeverComeOverTheWire()
    {
        await RegisterAsync("r", 0, 32);

        ModelInferResponse response = await _server.Client.InferAsync(Two());

        Assert.Equal(["", ""], response.RawOutputContents.Select(each => each.ToStringUtf8()));
        Assert.Equal([1, 2], response.Outputs[1].Shape);
        Assert.Equal([.. SampleModels.Bytes(1f, 2f), .. SampleModels.Bytes(3, 4)], _file.Bytes[16..]);
    }

    [Theory]
    [InlineData(1, 3, 1 << 20, "[request id: <id_unknown>] input byte size mismatch for input 'x' for model 'rank'. Expected 12, got 1048576")]
    [InlineData(1, 262144, 1 << 20, "[request id: <id_unknown>] unexpected shape for input 'x' for model 'rank'. Expected [-1,3], got [1,262144].")]
    [InlineData(87381, 3, 1048572, "[request id: <id_unknown>] inference request batch-size must be <= ")]
    public async Task Infer_InputOfAnotherSize_IsRefusedBeforeItIsCopied(int rows, int width, int bytes, string error)
    {
        _file.Resize(1 << 20);
        await RegisterAsync("r", 0, 1 << 20);
        ModelInferRequest request = Requests.Raw("rank", [rows, width]);
        request.RawInputContents.Clear();
        request.Inputs[0].Parameters["shared_memory_region"] = new InferParameter { StringParam = "r" };
        request.Inputs[0].Parameters["shared_memory_byte_size"] = new InferParameter { Int64Param = bytes };
        long held = _server.Pool.TotalBytes;

        GrpcAnswer answer = await _server.Client.CallAsync("ModelInfer", request);

        Assert.Equal(3, answer.Status);
        Assert.StartsWith(error, answer.Message, StringComparison.Ordinal);
        Assert.InRange(_server.Pool.TotalBytes, 0, held + (1 << 19));
    }

    [Fact]
    public async Task Infer_OneSharedOneRawOneInEachForm_GoTogether()
    {
        await RegisterAsync("r", 0, 32);
        ModelInferRequest raw = Two();
        raw.Inputs[1].Parameters.Clear();
        raw.Outputs[0].Parameters.Clear();
        ModelInferRequest typed = raw.Clone();
        raw.RawInputContents.Add(ByteString.CopyFrom(SampleModels.Bytes(8, 9)));
        typed.Inputs[1].Contents = new InferTensorContents { IntContents = { 8, 9 } };

        foreach (ModelInferRequest request in new[] { raw, typed })
        {
            ModelInferResponse response = await _server.Client.InferAsync(request);

            Assert.Equal([1, 2], Requests.Floats(response.RawOutputContents[0]));
            Assert.Equal(SampleModels.Bytes(8, 9), _file.Bytes[24..]);
        }
    }

    [Fact]
    public async Task Stream_Shared_IsWrittenBeforeItIsAnswered()
    {
        await RegisterAsync("r", 0, 32);
        using GrpcDuplex stream = _server.Client.Open(GrpcClient.Service + "ModelStreamInfer");
        ModelInferRequest small = Two();
        small.Outputs[0].Parameters["shared_memory_byte_size"].Int64Param = 7;

        await stream.WriteAsync(Two());
        ModelStreamInferResponse first = (await stream.ReadAsync(ModelStreamInferResponse.Parser))!;
        byte[] written = _file.Bytes;
        await stream.WriteAsync(small);
        ModelStreamInferResponse second = (await stream.ReadAsync(ModelStreamInferResponse.Parser))!;
        stream.Close();

        Assert.Equal("", first.ErrorMessage);
        Assert.Equal(SampleModels.Bytes(3, 4), written[24..]);
        Assert.Equal("shared memory size specified with the request for output 'first' (7 bytes) should be at least 8 bytes to hold the results", second.ErrorMessage);
        Assert.Equal((0, ""), await stream.EndAsync());
    }

    [Fact]
    public async Task Unregister_WhileTheRequestRuns_ItsOutputIsStillWritten()
    {
        _server.Server.AddGated(_gate);
        await RegisterAsync("r", 0, 32);
        ModelInferRequest request = Requests.Raw("gated", [1, 1], 5);
        request.Outputs.Add(new ModelInferRequest.Types.InferRequestedOutputTensor { Name = "y" });
        Share(request.Outputs[0].Parameters, 28, 4);
        Task<ModelInferResponse> answer = _server.Client.InferAsync(request);
        await Eventually.TrueAsync(() => _server.Catalog.Find("gated", 0).Batcher.Statistics.Snapshot().Accepted == 1, "it is under way");

        (await _server.Client.CallAsync("SystemSharedMemoryUnregister", new SystemSharedMemoryUnregisterRequest())).Single(SystemSharedMemoryUnregisterResponse.Parser);
        Assert.Empty((await _server.Client.CallAsync("SystemSharedMemoryStatus", new SystemSharedMemoryStatusRequest())).Single(SystemSharedMemoryStatusResponse.Parser).Regions);
        _gate.Set();
        await answer;

        Assert.Equal(SampleModels.Bytes(5f), _file.Bytes[28..]);
    }

    [Fact]
    public async Task Status_Regions_AreToldByName()
    {
        await RegisterAsync("a", 0, 32);
        await RegisterAsync("b", 8, 4);

        SystemSharedMemoryStatusResponse all = (await _server.Client.CallAsync("SystemSharedMemoryStatus", new SystemSharedMemoryStatusRequest())).Single(SystemSharedMemoryStatusResponse.Parser);
        SystemSharedMemoryStatusResponse one = (await _server.Client.CallAsync("SystemSharedMemoryStatus", new SystemSharedMemoryStatusRequest { Name = "b" })).Single(SystemSharedMemoryStatusResponse.Parser);

        Assert.Equal(["a", "b"], all.Regions.Keys.Order());
        Assert.Equal(new SystemSharedMemoryStatusResponse.Types.RegionStatus { Name = "b", Key = _file.Key, Offset = 8, ByteSize = 4 }, Assert.Single(one.Regions).Value);
        Assert.Empty((await _server.Client.CallAsync("CudaSharedMemoryStatus", new CudaSharedMemoryStatusRequest())).Single(CudaSharedMemoryStatusResponse.Parser).Regions);
    }

    [Fact]
    public async Task Call_EachMistake_IsTritonsError()
    {
        await RegisterAsync("r", 0, 32);
        (string Method, IMessage Request, GrpcStatus Status, string Error)[] cases =
        [
            ("SystemSharedMemoryRegister", new SystemSharedMemoryRegisterRequest { Name = "r", Key = "/k", ByteSize = 1 }, GrpcStatus.AlreadyExists, "shared memory region 'r' already in manager"),
            ("SystemSharedMemoryRegister", new SystemSharedMemoryRegisterRequest { Name = "q", Key = "/../k", ByteSize = 1 }, GrpcStatus.InvalidArgument, "Unable to open shared memory region: '/../k'"),
            ("SystemSharedMemoryRegister", new SystemSharedMemoryRegisterRequest { Name = "q", Key = _file.Key, ByteSize = 33 }, GrpcStatus.InvalidArgument, "failed to register shared memory region 'q': invalid args"),
            ("SystemSharedMemoryRegister", new SystemSharedMemoryRegisterRequest { Key = _file.Key, ByteSize = 1 }, GrpcStatus.InvalidArgument, "'region name' is necessary to register system shared memory region"),
            ("SystemSharedMemoryStatus", new SystemSharedMemoryStatusRequest { Name = "q" }, GrpcStatus.NotFound, "Unable to find system shared memory region: 'q'"),
            ("CudaSharedMemoryStatus", new CudaSharedMemoryStatusRequest { Name = "r" }, GrpcStatus.NotFound, "The region named 'r' is registered as system shared memory, not CUDA shared memory"),
            ("CudaSharedMemoryRegister", new CudaSharedMemoryRegisterRequest { Name = "q" }, GrpcStatus.Unimplemented, "failed to register CUDA shared memory region: 'q', GPUs not supported"),
            ("CudaSharedMemoryRegister", new CudaSharedMemoryRegisterRequest(), GrpcStatus.InvalidArgument, "'region name' is necessary to register cuda shared memory region"),
            Infer(request => request.Inputs[0].Parameters["shared_memory_region"].StringParam = "q", "Unable to find shared memory region: 'q'", GrpcStatus.NotFound),
            Infer(request => request.Inputs[0].Parameters["shared_memory_offset"].Int64Param = 32, "Invalid offset for shared memory region: 'r'"),
            Infer(request => request.Inputs[0].Parameters["shared_memory_offset"].Int64Param = -1, "Invalid offset for shared memory region: 'r'"),
            Infer(request => request.Inputs[0].Parameters["shared_memory_byte_size"].Int64Param = 33, "Invalid offset + byte size for shared memory region: 'r'"),
            Infer(request => request.Inputs[1].Parameters["shared_memory_byte_size"].Int64Param = -1, "Integer overflow detected: byte_size (18446744073709551615) + offset (8) exceeds maximum value (18446744073709551615) for region 'r'"),
            Infer(request => request.Inputs[0].Parameters["shared_memory_byte_size"].Int64Param = 4, "[request id: <id_unknown>] input byte size mismatch for input 'a' for model 'two'. Expected 8, got 4"),
            Infer(request => request.Inputs[0].Contents = new InferTensorContents(), "unexpected 'content' provided when using shared memory for input tensor 'a' for model 'two'"),
            Infer(request => request.Outputs[0].Parameters["shared_memory_offset"].Int64Param = 20, "shared memory for output 'second' overlaps that of another output of the request"),
            Infer(request => request.Outputs[0].Parameters["shared_memory_byte_size"].Int64Param = 7, "shared memory size specified with the request for output 'first' (7 bytes) should be at least 8 bytes to hold the results"),
        ];
        foreach ((string method, IMessage request, GrpcStatus status, string error) in cases)
        {
            GrpcAnswer answer = await _server.Client.CallAsync(method, request);
            Assert.Equal((method, (int)status, error), (method, answer.Status, answer.Message));
        }

        static (string, IMessage, GrpcStatus, string) Infer(Action<ModelInferRequest> change, string error, GrpcStatus status = GrpcStatus.InvalidArgument)
        {
            ModelInferRequest request = Two();
            change(request);
            return ("ModelInfer", request, status, error);
        }
    }

    /// <summary>Both inputs from the region's first half, both outputs to its second.</summary>
    internal static ModelInferRequest Two()
    {
        ModelInferRequest request = new()
        {
            ModelName = "two",
            Inputs =
            {
                new ModelInferRequest.Types.InferInputTensor { Name = "a", Datatype = "FP32", Shape = { 1, 2 } },
                new ModelInferRequest.Types.InferInputTensor { Name = "b", Datatype = "INT32", Shape = { 1, 2 } },
            },
            Outputs =
            {
                new ModelInferRequest.Types.InferRequestedOutputTensor { Name = "first" },
                new ModelInferRequest.Types.InferRequestedOutputTensor { Name = "second" },
            },
        };
        Share(request.Inputs[0].Parameters, 0, 8);
        Share(request.Inputs[1].Parameters, 8, 8);
        Share(request.Outputs[0].Parameters, 16, 8);
        Share(request.Outputs[1].Parameters, 24, 8);
        return request;
    }

    internal static void Share(Google.Protobuf.Collections.MapField<string, InferParameter> parameters, long offset, long bytes)
    {
        parameters["shared_memory_region"] = new InferParameter { StringParam = "r" };
        parameters["shared_memory_offset"] = new InferParameter { Int64Param = offset };
        parameters["shared_memory_byte_size"] = new InferParameter { Int64Param = bytes };
    }

    private async Task RegisterAsync(string name, ulong offset, ulong bytes) =>
        (await _server.Client.CallAsync("SystemSharedMemoryRegister", new SystemSharedMemoryRegisterRequest { Name = name, Key = _file.Key, Offset = offset, ByteSize = bytes })).Single(SystemSharedMemoryRegisterResponse.Parser);
}
