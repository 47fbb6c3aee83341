using Gateway.Core.Models.Repository;
using Gateway.Server.Grpc.Messages;
using Gateway.Server.Grpc.Wire;
using Gateway.Server.Hosting;
using Gateway.TestSupport;
using Gateway.UnitTests.Models.Repository;
using Gateway.UnitTests.OpenInference;
using Google.Protobuf;
using LoadCall = Gateway.Server.Grpc.Messages.RepositoryModelLoadRequest;
using Parameter = Gateway.Server.Grpc.Messages.ModelRepositoryParameter;
using UnloadCall = Gateway.Server.Grpc.Messages.RepositoryModelUnloadRequest;

namespace Gateway.UnitTests.Grpc;

public sealed class RepositoryTests : IAsyncDisposable
{
    private ScriptedRepository? _repository;

    public async ValueTask DisposeAsync()
    {
        if (_repository is not null) await _repository.DisposeAsync();
    }

    [Fact]
    public async Task LoadAndUnload_OneAfterTheOther_AreServedAndNot()
    {
        await using GrpcServer server = await StartAsync();
        _repository!.Write("m", ScriptedBackend.Script(5));

        Assert.Equal("m  ", await IndexAsync());
        Assert.Equal(0, (await server.Client.CallAsync("RepositoryModelLoad", new LoadCall { ModelName = "m" })).Status);
        Assert.Equal("m 1 READY", await IndexAsync());
        Assert.Equal(9, await InferAsync(server));
        Assert.Equal(0, (await server.Client.CallAsync("RepositoryModelUnload", new UnloadCall { ModelName = "m", Parameters = { ["unload_dependents"] = new Parameter { BoolParam = true } } })).Status);
        Assert.False((await server.Client.CallAsync("ModelReady", new ModelReadyRequest { Name = "m" })).Single(ModelReadyResponse.Parser).Ready);

        // As a client by KServe's own protocol spells it.
        Assert.Equal(0, (await server.Client.CallAsync("RepositoryModelLoad", new LoadCall { RepositoryName = "m" })).Status);
        Assert.Equal(9, await InferAsync(server));
        Assert.Equal(0, (await server.Client.CallAsync("RepositoryModelUnload", new UnloadCall { RepositoryName = "m" })).Status);

        async Task<string> IndexAsync() =>
            string.Join(",", (await server.Client.CallAsync("RepositoryIndex", new RepositoryIndexRequest())).Single(RepositoryIndexResponse.Parser).Models.Where(model => model.Name == "m").Select(model => $"{model.Name} {model.Version} {model.State}"));
    }

    [Fact]
    public async Task Load_FilesAndConfiguration_AreServed()
    {
        await using GrpcServer server = await StartAsync();
        LoadCall request = new()
        {
            ModelName = "m",
            Parameters =
            {
                ["config"] = new Parameter { StringParam = """{"max_batch_size":8}""" },
                ["file:3/model.onnx"] = new Parameter { BytesParam = ByteString.CopyFromUtf8(ScriptedBackend.Script(30)) },
            },
        };

        Assert.Equal((0, ""), StatusOf(await server.Client.CallAsync("RepositoryModelLoad", request)));
        Assert.Equal(34, await InferAsync(server));
    }

    [Fact]
    public async Task Load_ManyLargeOnesAtOnce_AreRefused()
    {
        await using GrpcServer server = await StartAsync(options: new ServerOptions { AllowLoadOverride = true });
        using ManualResetEventSlim gate = new();
        _repository!.Backend.Loading = _ => gate.Wait();
        Task<GrpcAnswer>[] loads = [.. Enumerable.Range(0, LargeLoads.Most).Select(i => server.Client.CallAsync("RepositoryModelLoad", Large($"m{i}")))];
        await Eventually.TrueAsync(() => _repository.Backend.Loads == LargeLoads.Most, "they are being loaded");

        GrpcAnswer third = await server.Client.CallAsync("RepositoryModelLoad", Large("other"));
        gate.Set();

        Assert.Equal(((int)GrpcStatus.Unavailable, "2 load requests with files are under way: try again when one of them is over"), StatusOf(third));
        foreach (GrpcAnswer answer in await Task.WhenAll(loads)) Assert.Equal((0, ""), StatusOf(answer));
        Assert.Equal((0, ""), StatusOf(await server.Client.CallAsync("RepositoryModelLoad", Large("other"))));
    }

    [Fact]
    public async Task Load_LargeOnesWhoseTimeIsOver_AreThereUntilTheyHaveLoaded()
    {
        await using GrpcServer server = await StartAsync(options: new ServerOptions { AllowLoadOverride = true });
        using ManualResetEventSlim gate = new();
        _repository!.Backend.Loading = _ => gate.Wait();

        // Loads of one model take turns: the second holds what it has brought without having begun.
        Task<GrpcAnswer>[] loads = [.. Enumerable.Range(0, LargeLoads.Most).Select(_ => server.Client.CallAsync("RepositoryModelLoad", Large("m"), ("grpc-timeout", "1S")))];
        foreach (GrpcAnswer answer in await Task.WhenAll(loads)) Assert.Equal((4, "Deadline Exceeded"), StatusOf(answer));
        GrpcAnswer third = await server.Client.CallAsync("RepositoryModelLoad", Large("m"), ("grpc-timeout", "1S"));
        gate.Set();

        Assert.Equal(((int)GrpcStatus.Unavailable, "2 load requests with files are under way: try again when one of them is over"), StatusOf(third));
        await Eventually.TrueAsync(() => _repository.Backend.Loads == LargeLoads.Most, "they have gone on");
        GrpcAnswer later;
        do later = await server.Client.CallAsync("RepositoryModelLoad", Large("m"));
        while (later.Status == (int)GrpcStatus.Unavailable);
        Assert.Equal((0, ""), StatusOf(later));
    }

    [Fact]
    public async Task Load_ThatTakesLongerThanItsDeadline_GoesOnWithoutItsCaller()
    {
        await using GrpcServer server = await StartAsync();
        using ManualResetEventSlim gate = new();
        _repository!.Write("m", ScriptedBackend.Script(5)).Backend.Loading = _ => gate.Wait();

        GrpcAnswer late = await server.Client.CallAsync("RepositoryModelLoad", new LoadCall { ModelName = "m" }, ("grpc-timeout", "300m"));
        gate.Set();

        Assert.Equal((4, "Deadline Exceeded"), StatusOf(late));
        Assert.Equal((0, ""), StatusOf(await server.Client.CallAsync("RepositoryModelLoad", new LoadCall { ModelName = "m" })));
        Assert.Equal(9, await InferAsync(server));
    }

    [Fact]
    public async Task Load_OverrideThatIsNotAllowed_IsRefused()
    {
        await using GrpcServer server = await StartAsync(options => options with { AllowsOverride = false });
        LoadCall request = new() { ModelName = "m", Parameters = { ["config"] = new Parameter { StringParam = "{}" } } };

        Assert.Equal(
            ((int)GrpcStatus.Unimplemented, "Loading with a configuration or files in the request is disabled. Start the server with '--allow-load-override=true' to enable."),
            StatusOf(await server.Client.CallAsync("RepositoryModelLoad", request)));
    }

    [Theory]
    [InlineData(false, 8)]
    [InlineData(true, 3)]
    public async Task Load_MoreThanAMessageMayHave_IsRefusedBeforeItIsRead(bool allowsOverride, int status)
    {
        await using GrpcServer server = await StartAsync(options: new ServerOptions { AllowLoadOverride = allowsOverride });
        LoadCall request = new() { ModelName = "m", Parameters = { ["file:1/model.onnx"] = new Parameter { BytesParam = ByteString.CopyFrom(new byte[5 << 20]) } } };

        Assert.Equal(status, (await server.Client.CallAsync("RepositoryModelLoad", request)).Status);
        Assert.Equal((int)GrpcStatus.ResourceExhausted, (await server.Client.CallAsync("RepositoryModelUnload", request)).Status);
    }

    [Theory]
    [InlineData(ModelControlMode.None)]
    [InlineData(ModelControlMode.Poll)]
    public async Task LoadAndUnload_OtherModes_AreRefused(ModelControlMode mode)
    {
        await using GrpcServer server = await StartAsync(options => options with { Mode = mode });

        foreach (string method in new[] { "RepositoryModelLoad", "RepositoryModelUnload" })
        {
            Assert.Equal(((int)GrpcStatus.Unavailable, "explicit model load / unload is not allowed if polling is enabled"), StatusOf(await server.Client.CallAsync(method, new LoadCall { ModelName = "m" })));
        }
    }

    [Fact]
    public async Task Call_EachMistake_IsTritonsErrorAndHarmsNothing()
    {
        await using GrpcServer server = await StartAsync();
        await _repository!.Write("m", ScriptedBackend.Script(5)).Write("broken", "broken on purpose").LoadAsync("m");
        Parameter text = new() { StringParam = "{}" };
        Parameter bytes = new() { BytesParam = ByteString.Empty };
        (string Method, IMessage Request, GrpcStatus Status, string Error)[] cases =
        [
            Loads(new LoadCall { ModelName = "m", RepositoryName = "r" }, "'repository_name' specification is not supported", GrpcStatus.Unimplemented),
            Loads(new LoadCall(), "Model name cannot be empty. Please enter a valid name to deploy."),
            Loads(new LoadCall { ModelName = "../m" }, "invalid model name '../m', model name must not contain path traversal characters"),
            Loads(new LoadCall { ModelName = "none" }, "failed to load 'none', failed to poll from model repository: it is in no repository"),
            Loads(new LoadCall { ModelName = "broken" }, "load failed for model 'broken': version 1 is at UNAVAILABLE state: on purpose;\n"),
            Loads(With("config", new Parameter { Int64Param = 1 }), "invalid value type for load parameter 'config', expected string_param."),
            Loads(With("config", new Parameter()), "invalid value type for load parameter 'config', expected string_param."),
            Loads(With("file:1/model.onnx", text), "invalid value type for load parameter 'file:1/model.onnx', expected bytes_param."),
            Loads(With("other", text), "unrecognized load parameter 'other'."),
            Loads(With("file:1/model.onnx", bytes), "failed to load 'm', failed to poll from model repository: files were given without a 'config' parameter"),
            Loads(With("config", text, ("file:../m", bytes)), "invalid file path '../m': a path within the model's folder, such as '1/model.onnx', is expected"),
            ("RepositoryModelUnload", new UnloadCall { ModelName = "m", Parameters = { ["unload_dependents"] = text } }, GrpcStatus.InvalidArgument, "invalid value type for 'unload_dependents' parameter, expected bool_param."),
            ("RepositoryModelUnload", new UnloadCall { ModelName = "m", RepositoryName = "r" }, GrpcStatus.Unimplemented, "'repository_name' specification is not supported"),
            ("RepositoryIndex", new RepositoryIndexRequest { RepositoryName = "r" }, GrpcStatus.Unimplemented, "'repository_name' specification is not supported"),
        ];
        foreach ((string method, IMessage request, GrpcStatus status, string error) in cases)
        {
            Assert.Equal(((int)status, error), StatusOf(await server.Client.CallAsync(method, request)));
            Assert.Equal(9, await InferAsync(server));
        }

        Assert.Equal((0, ""), StatusOf(await server.Client.CallAsync("RepositoryModelUnload", new UnloadCall { ModelName = "none" })));

        static (string, IMessage, GrpcStatus, string) Loads(LoadCall request, string error, GrpcStatus status = GrpcStatus.InvalidArgument) => ("RepositoryModelLoad", request, status, error);

        static LoadCall With(string key, Parameter value, params (string Key, Parameter Value)[] more)
        {
            LoadCall request = new() { ModelName = "m", Parameters = { [key] = value } };
            foreach ((string other, Parameter otherValue) in more) request.Parameters[other] = otherValue;
            return request;
        }
    }

    private static LoadCall Large(string model) => new()
    {
        ModelName = model,
        Parameters =
        {
            ["config"] = new Parameter { StringParam = """{"max_batch_size":8}""" },
            ["file:1/model.onnx"] = new Parameter { BytesParam = ByteString.CopyFromUtf8(ScriptedBackend.Script(5)) },
            ["file:1/weights"] = new Parameter { BytesParam = ByteString.CopyFrom(new byte[5 << 20]) },
        },
    };

    private static (int Status, string Message) StatusOf(GrpcAnswer answer) => (answer.Status, answer.Message);

    private static async Task<long> InferAsync(GrpcServer server)
    {
        ModelInferRequest request = new()
        {
            ModelName = "m",
            Inputs = { new ModelInferRequest.Types.InferInputTensor { Name = "x", Datatype = "INT64", Shape = { 1, 1 } } },
            RawInputContents = { ByteString.CopyFrom(4, 0, 0, 0, 0, 0, 0, 0) },
        };
        return BitConverter.ToInt64((await server.Client.InferAsync(request)).RawOutputContents[0].Span);
    }

    private Task<GrpcServer> StartAsync(Func<RepositoryOptions, RepositoryOptions>? configure = null, ServerOptions? options = null) =>
        GrpcServer.StartAsync(options, control: (catalog, pool) =>
        {
            _repository = new ScriptedRepository(configure, catalog, pool);
            return _repository.Repository;
        });
}
