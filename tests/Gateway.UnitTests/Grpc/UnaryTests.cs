using System.Net;
using Gateway.Core.Models;
using Gateway.Server.Grpc.Messages;
using Gateway.Server.Grpc.Wire;
using Gateway.Server.Hosting;
using Gateway.UnitTests.OpenInference;
using Google.Protobuf;
using DataType = Gateway.Protocol.Tensors.DataType;

namespace Gateway.UnitTests.Grpc;

public sealed class UnaryTests : IAsyncLifetime
{
    private GrpcServer _server = null!;

    private GrpcClient Client => _server.Client;

    public async ValueTask InitializeAsync() => _server = await GrpcServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Server_Methods_SayWhatItIs()
    {
        Assert.True((await Client.CallAsync("ServerLive", new ServerLiveRequest())).Single(ServerLiveResponse.Parser).Live);
        Assert.True((await Client.CallAsync("ServerReady", new ServerReadyRequest())).Single(ServerReadyResponse.Parser).Ready);
        ServerMetadataResponse metadata = (await Client.CallAsync("ServerMetadata", new ServerMetadataRequest())).Single(ServerMetadataResponse.Parser);

        Assert.Equal("triton", metadata.Name);
        Assert.Equal(["statistics", "trace", "logging"], metadata.Extensions.TakeLast(3));
        _server.Server.Health.Enter(ServerPhase.Exiting);
        Assert.False((await Client.CallAsync("ServerReady", new ServerReadyRequest())).Single(ServerReadyResponse.Parser).Ready);
    }

    [Theory]
    [InlineData("two", "", true)]
    [InlineData("two", "1", true)]
    [InlineData("two", "2", false)]
    [InlineData("nobody", "", false)]
    public async Task ModelReady_AnyModel_IsAnswered(string name, string version, bool isReady) =>
        Assert.Equal(isReady, (await Client.CallAsync("ModelReady", new ModelReadyRequest { Name = name, Version = version })).Single(ModelReadyResponse.Parser).Ready);

    [Fact]
    public async Task ModelMetadata_BatchingModel_HasItsTensors()
    {
        ModelMetadataResponse metadata = (await Client.CallAsync("ModelMetadata", new ModelMetadataRequest { Name = "two" })).Single(ModelMetadataResponse.Parser);

        Assert.Equal(("two", "onnxruntime_onnx", "1"), (metadata.Name, metadata.Platform, Assert.Single(metadata.Versions)));
        Assert.Equal(["a FP32 -1,2", "b INT32 -1,2"], metadata.Inputs.Select(each => $"{each.Name} {each.Datatype} {string.Join(",", each.Shape)}"));
        Assert.Equal(["first FP32 -1,2", "second INT32 -1,2"], metadata.Outputs.Select(each => $"{each.Name} {each.Datatype} {string.Join(",", each.Shape)}"));
    }

    [Fact]
    public async Task ModelConfig_Model_IsItsConfiguration()
    {
        Server.Grpc.Messages.ModelConfig config = (await Client.CallAsync("ModelConfig", new ModelConfigRequest { Name = "two" })).Single(ModelConfigResponse.Parser).Config;

        Assert.Equal(("two", "onnxruntime_onnx", 8), (config.Name, config.Platform, config.MaxBatchSize));
        Assert.Equal(1u, config.VersionPolicy.Latest.NumVersions);
    }

    [Fact]
    public async Task ModelStatistics_AfterInferences_CountsThem()
    {
        for (int i = 0; i < 3; i++) await Client.InferAsync(Requests.Raw("rank", [2, 3], 1, 2, 3, 4, 5, 6));
        ServedModel rank = _server.Catalog.Find("rank", 0);
        using (Core.Requests.InferenceRequest hit = rank.RentRequest()) rank.Batcher.Statistics.CountAside(hit, hit.Times.Queued);
        Server.Grpc.Messages.ModelStatistics one = Assert.Single((await Client.CallAsync("ModelStatistics", new ModelStatisticsRequest { Name = "rank" })).Single(ModelStatisticsResponse.Parser).ModelStats);
        ModelStatisticsResponse all = (await Client.CallAsync("ModelStatistics", new ModelStatisticsRequest())).Single(ModelStatisticsResponse.Parser);

        Assert.Equal(("rank", "1", 6ul, 3ul), (one.Name, one.Version, one.InferenceCount, one.ExecutionCount));
        Assert.Equal((4ul, 4ul, 3ul), (one.InferenceStats.Success.Count, one.InferenceStats.Queue.Count, one.InferenceStats.ComputeInfer.Count));
        Assert.True(one.InferenceStats.Success.Ns > 0 && one.LastInference > 0);
        InferBatchStatistics size = Assert.Single(one.BatchStats);
        Assert.Equal((2ul, 3ul, 3ul, 3ul), (size.BatchSize, size.ComputeInput.Count, size.ComputeInfer.Count, size.ComputeOutput.Count));
        Assert.True(size.ComputeInfer.Ns > 0);
        Assert.Equal(_server.Catalog.Index.Count, all.ModelStats.Count);
    }

    [Fact]
    public async Task RepositoryIndex_Models_AreListedWithTheirStates()
    {
        _server.Catalog.Set(new ModelStatus("broken", 3, ModelState.Unavailable, "no such file", null, TimeSpan.Zero));

        RepositoryIndexResponse all = (await Client.CallAsync("RepositoryIndex", new RepositoryIndexRequest())).Single(RepositoryIndexResponse.Parser);
        RepositoryIndexResponse ready = (await Client.CallAsync("RepositoryIndex", new RepositoryIndexRequest { Ready = true })).Single(RepositoryIndexResponse.Parser);

        RepositoryIndexResponse.Types.ModelIndex broken = Assert.Single(all.Models, model => model.Name == "broken");
        Assert.Equal(("3", "UNAVAILABLE", "no such file"), (broken.Version, broken.State, broken.Reason));
        Assert.Equal(all.Models.Count - 1, ready.Models.Count);
        Assert.All(ready.Models, model => Assert.Equal("READY", model.State));
    }

    [Fact]
    public async Task Infer_RawInput_IsAnsweredRaw()
    {
        ModelInferRequest request = Requests.Raw("echo_FP32", [2, 4], 1, 2, 3, 4, 5, 6, 7, 8);
        request.Id = "été";

        ModelInferResponse response = await Client.InferAsync(request);

        Assert.Equal(("echo_FP32", "1", "été"), (response.ModelName, response.ModelVersion, response.Id));
        ModelInferResponse.Types.InferOutputTensor output = Assert.Single(response.Outputs);
        Assert.Equal(("y", "FP32"), (output.Name, output.Datatype));
        Assert.Equal([2, 4], output.Shape);
        Assert.Null(output.Contents);
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8], Requests.Floats(Assert.Single(response.RawOutputContents)));
    }

    [Fact]
    public async Task Infer_EveryType_ComesBackAsItWas()
    {
        Random random = new(3);
        foreach (DataType type in SampleModels.FixedTypes)
        {
            byte[] bytes = new byte[3 * 4 * Gateway.Protocol.Tensors.DataTypes.Size(type)];
            random.NextBytes(bytes);
            ModelInferRequest request = Requests.Raw($"echo_{Gateway.Protocol.Tensors.DataTypes.WireName(type)}", [3, 4]);
            request.Inputs[0].Datatype = Gateway.Protocol.Tensors.DataTypes.WireName(type);
            request.RawInputContents[0] = ByteString.CopyFrom(bytes);

            Assert.Equal(bytes, (await Client.InferAsync(request)).RawOutputContents[0].ToByteArray());
        }
    }

    [Fact]
    public async Task Infer_TypedContents_AreTheSameAsRaw()
    {
        (string Type, InferTensorContents Contents, byte[] Raw)[] cases =
        [
            ("BOOL", new InferTensorContents { BoolContents = { true, false, true, true } }, [1, 0, 1, 1]),
            ("INT8", new InferTensorContents { IntContents = { -1, 2, 127, -128 } }, SampleModels.Bytes<sbyte>(-1, 2, 127, -128)),
            ("INT16", new InferTensorContents { IntContents = { -1, 2, 32767, -32768 } }, SampleModels.Bytes<short>(-1, 2, 32767, -32768)),
            ("INT32", new InferTensorContents { IntContents = { -1, 2, int.MaxValue, int.MinValue } }, SampleModels.Bytes(-1, 2, int.MaxValue, int.MinValue)),
            ("INT64", new InferTensorContents { Int64Contents = { -1, 2, long.MaxValue, long.MinValue } }, SampleModels.Bytes(-1L, 2, long.MaxValue, long.MinValue)),
            ("UINT8", new InferTensorContents { UintContents = { 1, 2, 255, 0 } }, [1, 2, 255, 0]),
            ("UINT16", new InferTensorContents { UintContents = { 1, 2, 65535, 0 } }, SampleModels.Bytes<ushort>(1, 2, 65535, 0)),
            ("UINT32", new InferTensorContents { UintContents = { 1, 2, uint.MaxValue, 0 } }, SampleModels.Bytes(1u, 2u, uint.MaxValue, 0u)),
            ("UINT64", new InferTensorContents { Uint64Contents = { 1, 2, ulong.MaxValue, 0 } }, SampleModels.Bytes(1ul, 2ul, ulong.MaxValue, 0ul)),
            ("FP32", new InferTensorContents { Fp32Contents = { 1.5f, float.NaN, -0f, float.MaxValue } }, SampleModels.Bytes(1.5f, float.NaN, -0f, float.MaxValue)),
            ("FP64", new InferTensorContents { Fp64Contents = { 1.5, double.NaN, -0.0, double.MaxValue } }, SampleModels.Bytes(1.5, double.NaN, -0.0, double.MaxValue)),
        ];
        foreach ((string type, InferTensorContents contents, byte[] raw) in cases)
        {
            ModelInferResponse response = await Client.InferAsync(Requests.Typed($"echo_{type}", type, [1, 4], contents));

            Assert.Equal(raw, response.RawOutputContents[0].ToByteArray());
        }
    }

    [Fact]
    public async Task Infer_Strings_ComeBackFromBothForms()
    {
        byte[] raw = [3, 0, 0, 0, (byte)'o', (byte)'n', (byte)'e', 0, 0, 0, 0];
        ModelInferRequest typed = Requests.Typed("strings", "BYTES", [1, 2], new InferTensorContents { BytesContents = { ByteString.CopyFromUtf8("one"), ByteString.Empty } }, "s");
        ModelInferRequest plain = typed.Clone();
        plain.Inputs[0].Contents = null;
        plain.RawInputContents.Add(ByteString.CopyFrom(raw));

        Assert.Equal(raw, (await Client.InferAsync(typed)).RawOutputContents[0].ToByteArray());
        Assert.Equal(raw, (await Client.InferAsync(plain)).RawOutputContents[0].ToByteArray());
    }

    [Fact]
    public async Task Infer_LargeTensor_IsGatheredAndComesBack()
    {
        float[] elements = [.. Enumerable.Range(0, 500_000).Select(each => (float)each)];

        ModelInferResponse response = await Client.InferAsync(Requests.Raw("any", [1, elements.Length], elements));

        Assert.Equal(elements, Requests.Floats(response.RawOutputContents[0]));
    }

    [Fact]
    public async Task Infer_LargeTypedContents_ComeBack()
    {
        float[] elements = [.. Enumerable.Range(0, 100_000).Select(each => each * 0.5f)];

        ModelInferResponse response = await Client.InferAsync(Requests.Typed("any", "FP32", [1, elements.Length], new InferTensorContents { Fp32Contents = { elements } }));

        Assert.Equal(elements, Requests.Floats(response.RawOutputContents[0]));
    }

    [Fact]
    public async Task Infer_ChosenOutputs_ComeInTheirOrder()
    {
        ModelInferRequest request = Two();
        request.Outputs.Add(new ModelInferRequest.Types.InferRequestedOutputTensor { Name = "second" });
        request.Outputs.Add(new ModelInferRequest.Types.InferRequestedOutputTensor { Name = "first" });

        ModelInferResponse response = await Client.InferAsync(request);

        Assert.Equal(["second", "first"], response.Outputs.Select(output => output.Name));
        Assert.Equal(SampleModels.Bytes(3, 4), response.RawOutputContents[0].ToByteArray());
        Assert.Equal([1, 2], Requests.Floats(response.RawOutputContents[1]));
    }

    [Fact]
    public async Task Infer_Classification_GivesTheBestClasses()
    {
        ModelInferRequest request = Requests.Raw("rank", [1, 3], 0.5f, 2, 1);
        request.Outputs.Add(new ModelInferRequest.Types.InferRequestedOutputTensor { Name = "y", Parameters = { ["classification"] = new InferParameter { Int64Param = 2 } } });

        ModelInferResponse response = await Client.InferAsync(request);

        Assert.Equal("BYTES", response.Outputs[0].Datatype);
        Assert.Equal([1, 2], response.Outputs[0].Shape);
        Assert.Equal("\u000e\0\0\02.000000:1:dog\n\0\0\01.000000:2", response.RawOutputContents[0].ToStringUtf8());
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    public async Task Infer_CompressedRequest_IsAnswered(string coding)
    {
        byte[] message = Requests.Raw("any", [1, 50_000], new float[50_000]).ToByteArray();
        byte[] body = GrpcClient.Frame(GrpcClient.Compress(coding, message), 1);

        GrpcAnswer answer = await Client.SendAsync(GrpcClient.Service + "ModelInfer", body, ("grpc-encoding", coding));

        Assert.Equal(200_000, answer.Single(ModelInferResponse.Parser).RawOutputContents[0].Length);
    }

    [Theory]
    [InlineData("gzip,deflate,identity", "gzip")]
    [InlineData("identity,deflate", "deflate")]
    [InlineData("identity,snappy", null)]
    [InlineData("", null)]
    public async Task Infer_CompressionOn_IsAsTheClientTakesIt(string accepted, string? coding)
    {
        await using GrpcServer server = await GrpcServer.StartAsync(new ServerOptions { GrpcInferResponseCompressionLevel = Server.Grpc.ResponseCompression.Medium });
        byte[] frame = GrpcClient.Frame(Requests.Raw("any", [1, 5000], new float[5000]).ToByteArray());

        using HttpClient http = new() { BaseAddress = new Uri($"http://127.0.0.1:{server.Port}") };
        using HttpRequestMessage request = new(HttpMethod.Post, GrpcClient.Service + "ModelInfer")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(frame) { Headers = { { "content-type", "application/grpc" } } },
        };
        if (accepted.Length > 0) request.Headers.TryAddWithoutValidation("grpc-accept-encoding", accepted);
        using HttpResponseMessage response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        byte[] body = await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);

        Assert.Equal(coding is null ? 0 : 1, body[0]);
        Assert.Equal(coding, response.Headers.TryGetValues("grpc-encoding", out IEnumerable<string>? names) ? names.Single() : null);
        byte[] message = coding is null ? body[5..] : GrpcClient.Decompress(coding, body[5..]);
        Assert.Equal(20_000, ModelInferResponse.Parser.ParseFrom(message).RawOutputContents[0].Length);
    }

    [Fact]
    public async Task Infer_Explained_SaysItsTimesInATrailer()
    {
        GrpcAnswer answer = await Client.CallAsync("ModelInfer", Requests.Raw("rank", [1, 3], 1, 2, 3), ("inference-explain", "1"));

        Assert.Contains("queue;dur=", answer.Metadata["server-timing"], StringComparison.Ordinal);
        Assert.False(answer.IsTrailersOnly);
    }

    [Fact]
    public async Task Infer_ExplainedByParameter_SaysItsTimesInOne()
    {
        ModelInferRequest request = Requests.Raw("rank", [1, 3], 1, 2, 3);
        request.Parameters["explain"] = new InferParameter { BoolParam = true };

        GrpcAnswer answer = await Client.CallAsync("ModelInfer", request);

        ModelInferResponse response = answer.Single(ModelInferResponse.Parser);
        Assert.Contains("queue;dur=", response.Parameters["server_timing"].StringParam, StringComparison.Ordinal);
        Assert.Equal([1, 2, 3], Requests.Floats(response.RawOutputContents[0]));
        request.Parameters["explain"] = new InferParameter { StringParam = "yes" };
        GrpcAnswer refused = await Client.CallAsync("ModelInfer", request);
        Assert.Equal(((int)GrpcStatus.InvalidArgument, "invalid value type for 'explain' parameter, expected bool_param."), (refused.Status, refused.Message));
    }

    /// <summary>Protocol's own errors and those of every method: status and text, word for word.</summary>
    [Theory]
    [MemberData(nameof(Failures))]
    public async Task Call_Mistake_HasItsStatusAndText(string what, string method, IMessage request, int status, string text)
    {
        GrpcAnswer answer = await Client.CallAsync(method, request);

        Assert.Equal((what, status, text), (what, answer.Status, answer.Message));
        Assert.True(answer.IsTrailersOnly);
        Assert.Equal(HttpStatusCode.OK, answer.Http);
    }

    public static IEnumerable<TheoryDataRow<string, string, IMessage, int, string>> Failures()
    {
        static TheoryDataRow<string, string, IMessage, int, string> Of(string what, string method, IMessage request, GrpcStatus status, string text) => new(what, method, request, (int)status, text);
        TheoryDataRow<string, string, IMessage, int, string> Infer(string what, Action<ModelInferRequest> change, string text, GrpcStatus status = GrpcStatus.InvalidArgument)
        {
            ModelInferRequest request = Requests.Raw("rank", [1, 3], 1, 2, 3);
            change(request);
            return Of(what, "ModelInfer", request, status, text);
        }

        static Action<ModelInferRequest> Parameter(string name, InferParameter value) => request => request.Parameters[name] = value;
        static Action<ModelInferRequest> InputParameter(string name, InferParameter value) => request => request.Inputs[0].Parameters[name] = value;
        static Action<ModelInferRequest> Output(string name, string? parameter = null, InferParameter? value = null) => request =>
        {
            ModelInferRequest.Types.InferRequestedOutputTensor output = new() { Name = name };
            if (parameter is not null) output.Parameters[parameter] = value;
            request.Outputs.Add(output);
        };
        static InferParameter Int(long value) => new() { Int64Param = value };
        static InferParameter Text(string value) => new() { StringParam = value };

        const string Unknown = "[request id: <id_unknown>] ";
        yield return Infer("no model", request => request.ModelName = "nobody", "Request for unknown model: 'nobody' is not found", GrpcStatus.NotFound);
        yield return Infer("no name", request => request.ModelName = "", "Request for unknown model: '' is not found", GrpcStatus.NotFound);
        yield return Infer("no version", request => request.ModelVersion = "7", "Request for unknown model: 'rank' version 7 is not found", GrpcStatus.NotFound);
        yield return Infer("version of words", request => request.ModelVersion = "v", "failed to get model version from specified version string 'v' (details: stol), version should be an integral value > 0");
        yield return Infer("version below 0", request => request.ModelVersion = "-1", "invalid model version specified '-1' , version should be an integral value > 0");
        yield return Infer("no input", request => request.Inputs.Clear(), Unknown + "expected 1 inputs but got 0 inputs for model 'rank'. Got input(s) [], but missing required input(s) ['x']. Please provide all required input(s).");
        yield return Infer("unknown input", request => request.Inputs[0].Name = "z", "unexpected inference input 'z' for model 'rank'");
        yield return Infer("input twice", request => request.Inputs.Add(request.Inputs[0].Clone()), Unknown + "input 'x' already exists in request");
        yield return Infer("with id", request => (request.Id, _) = ("7", Add(request.Inputs, request.Inputs[0].Clone())), "[request id: 7] input 'x' already exists in request");
        yield return Infer("wrong type", request => request.Inputs[0].Datatype = "INT32", Unknown + "inference input 'x' data-type is 'INT32', but model 'rank' expects 'FP32'");
        yield return Infer("no such type", request => request.Inputs[0].Datatype = "FLOAT", Unknown + "inference input 'x' data-type is 'INVALID', but model 'rank' expects 'FP32'");
        yield return Infer("too few bytes", request => request.RawInputContents[0] = ByteString.CopyFrom(1, 2, 3), Unknown + "input byte size mismatch for input 'x' for model 'rank'. Expected 12, got 3");
        yield return Infer("too many dimensions", request => request.Inputs[0].Shape.AddRange([1, 1, 1, 1, 1, 1, 1]), "invalid shape for input 'x': more than 8 dimensions are not supported");
        yield return Infer("no data", request => request.RawInputContents.Clear(), "unable to find data for input tensor 'x' for model 'rank' in request.");
        yield return Infer("raw and typed", request => request.Inputs[0].Contents = new InferTensorContents(), "contents field must not be specified when using raw_input_contents for 'x' for model 'rank'");
        yield return Infer("typed otherwise", request => Typed(request, new InferTensorContents { IntContents = { 1, 2, 3 } }), "unexpected explicit tensor data for input tensor 'x' for model 'rank' of type 'FP32', expected datatype 'INT32'");
        yield return Infer("typed twice", request => Typed(request, new InferTensorContents { IntContents = { 1 }, Fp32Contents = { 1 } }), "unexpected explicit tensor data for input tensor 'x' for model 'rank', binary data was already supplied.");
        yield return Infer("unknown output", Output("z"), "unexpected inference output 'z' for model 'rank'");
        yield return Infer("output twice", request => { Output("y")(request); Output("y")(request); }, Unknown + "output 'y' already exists in request");
        yield return Infer("classes of text", Output("y", "classification", Text("2")), "invalid value type for 'classification' parameter, expected int64_param");
        yield return Infer("no classes", Output("y", "classification", Int(0)), "invalid value for 'classification' parameter, expected >= 0");
        yield return Infer("sequence", Parameter("sequence_id", Int(1)), "model 'rank' does not serve sequences: parameter 'sequence_id' is not supported");
        yield return Infer("sequence of bools", Parameter("sequence_id", new InferParameter { BoolParam = true }), "invalid value type for 'sequence_id' parameter, expected int64_param or string_param.");
        yield return Infer("sequence start", Parameter("sequence_start", new InferParameter { BoolParam = true }), "model 'rank' does not serve sequences: parameter 'sequence_start' is not supported");
        yield return Infer("priority below 0", Parameter("priority", Int(-1)), "invalid value for 'priority', expected value >= 0.");
        yield return Infer("timeout of text", Parameter("timeout", Text("1")), "invalid value type for 'timeout' parameter, expected int64_param.");
        yield return Infer("reserved", Parameter("triton_x", Int(1)), "parameter keys starting with 'triton_' are reserved for Triton usage. Only the following keys starting with 'triton_' are allowed: triton_enable_empty_final_response");
        yield return Infer("custom without value", Parameter("custom", new InferParameter()), "invalid value type for 'custom' parameter, expected int64_param, bool_param, or string_param.");
        yield return Infer("custom unsigned", Parameter("custom", new InferParameter { Uint64Param = 1 }), "invalid value type for 'custom' parameter, expected int64_param, bool_param, or string_param.");
        yield return Infer("region without size", InputParameter("shared_memory_region", Text("r")), "'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter for tensor 'x'");
        yield return Infer("offset without region", InputParameter("shared_memory_offset", Int(1)), "'shared_memory_offset' can not be specified without 'shared_memory_region' parameter for tensor 'x'");
        yield return Infer("size without region", InputParameter("shared_memory_byte_size", Int(1)), "'shared_memory_byte_size' can not be specified without 'shared_memory_region' parameter for tensor 'x'");
        yield return Infer("classes of a region", request => { Output("y", "classification", Int(1))(request); request.Outputs[0].Parameters["shared_memory_region"] = Text("r"); request.Outputs[0].Parameters["shared_memory_byte_size"] = Int(1); }, "output can't set both 'shared_memory_region' and 'classification'");
        yield return Infer("region of numbers", InputParameter("shared_memory_region", Int(1)), "invalid value type for 'shared_memory_region' parameter for tensor 'x', expected string_param.");
        yield return Infer("a model that fails", request => (request.ModelName, request.Inputs[0].Shape[1], request.RawInputContents[0]) = ("fails", 1, ByteString.CopyFrom(0, 0, 0, 0)), "the model says no", GrpcStatus.Internal);

        yield return Of("metadata of nobody", "ModelMetadata", new ModelMetadataRequest { Name = "nobody" }, GrpcStatus.NotFound, "Request for unknown model: 'nobody' is not found");
        yield return Of("config of nobody", "ModelConfig", new ModelConfigRequest { Name = "nobody" }, GrpcStatus.NotFound, "Request for unknown model: 'nobody' is not found");
        yield return Of("ready, bad version", "ModelReady", new ModelReadyRequest { Name = "two", Version = "x" }, GrpcStatus.InvalidArgument, "failed to get model version from specified version string 'x' (details: stol), version should be an integral value > 0");
        yield return Of("statistics of nobody", "ModelStatistics", new ModelStatisticsRequest { Name = "nobody" }, GrpcStatus.InvalidArgument, "requested model 'nobody' is not available");
        yield return Of("statistics of no version", "ModelStatistics", new ModelStatisticsRequest { Name = "two", Version = "2" }, GrpcStatus.InvalidArgument, "requested model version is not available for model 'two'");
        yield return Of("index of a repository", "RepositoryIndex", new RepositoryIndexRequest { RepositoryName = "r" }, GrpcStatus.Unimplemented, "'repository_name' specification is not supported");
        yield return Of("load", "RepositoryModelLoad", new RepositoryModelLoadRequest { ModelName = "two" }, GrpcStatus.Unimplemented, "this server has no model repository");
        yield return Of("unload", "RepositoryModelUnload", new RepositoryModelUnloadRequest { ModelName = "two" }, GrpcStatus.Unimplemented, "this server has no model repository");
        yield return Of("region", "SystemSharedMemoryStatus", new SystemSharedMemoryStatusRequest { Name = "r" }, GrpcStatus.NotFound, "Unable to find system shared memory region: 'r'");
        yield return Of("region of cuda", "CudaSharedMemoryStatus", new CudaSharedMemoryStatusRequest { Name = "r" }, GrpcStatus.NotFound, "Unable to find cuda shared memory region: 'r'");
        foreach (string family in new[] { "System", "Cuda" })
        {
            foreach (string action in new[] { "Register", "Unregister" })
            {
                yield return Of($"{action} {family}", $"{family}SharedMemory{action}", new SystemSharedMemoryUnregisterRequest { Name = "r" }, GrpcStatus.Unimplemented, "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable.");
            }
        }

        static void Typed(ModelInferRequest request, InferTensorContents contents)
        {
            request.RawInputContents.Clear();
            request.Inputs[0].Contents = contents;
        }

        static int Add<T>(ICollection<T> to, T item)
        {
            to.Add(item);
            return to.Count;
        }
    }

    private static ModelInferRequest Two() => new()
    {
        ModelName = "two",
        Inputs =
        {
            new ModelInferRequest.Types.InferInputTensor { Name = "b", Datatype = "INT32", Shape = { 1, 2 } },
            new ModelInferRequest.Types.InferInputTensor { Name = "a", Datatype = "FP32", Shape = { 1, 2 } },
        },
        RawInputContents = { ByteString.CopyFrom(SampleModels.Bytes(3, 4)), ByteString.CopyFrom(SampleModels.Bytes(1f, 2f)), ByteString.CopyFromUtf8("what is more is ignored") },
    };
}
