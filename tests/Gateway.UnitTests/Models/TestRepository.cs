using Gateway.Core.Execution.Devices;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Models.Repository;
using Gateway.Core.Requests;
using Gateway.OnnxRuntime.Backend;
using Gateway.Protocol.Tensors;
using Gateway.UnitTests.Memory;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gateway.UnitTests.Models;

/// <summary>A repository in a temporary folder, served by ONNX Runtime; checks at the end that nothing is left lent out.</summary>
public sealed class TestRepository : IAsyncDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("gateway-repository-");
    private readonly OnnxRuntimeBackend _backend;
    private readonly ModelRepository _repository;

    public TestRepository(params string[] directories) : this(new RepositoryOptions(directories))
    {
    }

    public TestRepository(DeviceMemory memory) : this(new RepositoryOptions([]), memory)
    {
    }

    /// <param name="options">Without directories, those are the temporary folder.</param>
    public TestRepository(RepositoryOptions options, DeviceMemory? memory = null)
    {
        _backend = new OnnxRuntimeBackend(Pool, TimeProvider.System, NullLoggerFactory.Instance, memory);
        _repository = new ModelRepository(
            options with { Directories = options.Directories.Count > 0 ? options.Directories : [_directory.FullName] }, Catalog, _backend, Pool, TimeProvider.System, NullLogger<ModelRepository>.Instance);
    }

    public ModelCatalog Catalog { get; } = new();

    public BlockPool Pool { get; } = new(256 << 20);

    internal ModelRepository Repository => _repository;

    public string Path => _directory.FullName;

    public static string File(string relative) => System.IO.Path.Combine(AppContext.BaseDirectory, relative);

    /// <summary>Adds a model from the models of the tests.</summary>
    public TestRepository Add(string name, string onnx, string? config = null, string? gateway = null, int version = 1)
    {
        DirectoryInfo model = _directory.CreateSubdirectory(name);
        System.IO.File.Copy(File($"models/{onnx}.onnx"), System.IO.Path.Combine(model.CreateSubdirectory($"{version}").FullName, "model.onnx"));
        if (config is not null) System.IO.File.WriteAllText(System.IO.Path.Combine(model.FullName, "config.pbtxt"), config);
        if (gateway is not null) System.IO.File.WriteAllText(System.IO.Path.Combine(model.FullName, "gateway.json"), gateway);
        return this;
    }

    public async Task<TestRepository> LoadAsync()
    {
        await _repository.LoadAllAsync(CancellationToken.None);
        return this;
    }

    public IReadOnlyList<ModelStatus> Check() => _repository.CheckAll();

    public ModelStatus Status(string name) => Catalog.Index.Single(status => status.Name == name);

    /// <summary>A request with the given raw tensors, in the model's order of inputs.</summary>
    public InferenceRequest Request(string model, params (long[] Shape, byte[] Raw)[] inputs)
    {
        InferenceRequest request = Catalog.Find(model, 0).RentRequest();
        Assert.True(Pool.TryRent(inputs.Sum(input => input.Raw.Length + 64), BlockOwner.RequestTensors, out MemoryBlock? block));
        request.Block = block;
        int offset = 0;
        for (int i = 0; i < inputs.Length; i++)
        {
            inputs[i].Raw.CopyTo(block.Span[offset..]);
            request.Inputs[i] = new InputTensor
            {
                DataType = request.Model.Inputs[i].DataType,
                Shape = new TensorShape(inputs[i].Shape),
                Offset = offset,
                ByteLength = inputs[i].Raw.Length,
            };
            offset += (inputs[i].Raw.Length + 63) / 64 * 64;
        }

        return request;
    }

    public async ValueTask DisposeAsync()
    {
        await _repository.StopAsync(TimeSpan.FromSeconds(10));
        _backend.Dispose();
        Pool.AssertAllBack();
        Pool.Dispose();
        _directory.Delete(recursive: true);
    }
}
