using System.Runtime.InteropServices;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Models.Repository;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling.Resources;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;
using Gateway.TestSupport;
using Gateway.UnitTests.Memory;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gateway.UnitTests.Models.Repository;

/// <summary>A repository of scripted models in a temporary folder; checks at the end that nothing is left open or lent.</summary>
internal sealed class ScriptedRepository : IAsyncDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("gateway-scripted-");
    private readonly bool _ownsPool;

    /// <param name="catalog">With <paramref name="pool"/>, those of a server that serves it; null for its own.</param>
    public ScriptedRepository(Func<RepositoryOptions, RepositoryOptions>? configure = null, ModelCatalog? catalog = null, BlockPool? pool = null, RateLimiter? limiter = null)
    {
        _ownsPool = pool is null;
        Pool = pool ?? new BlockPool(64 << 20, lockPages: false);
        Catalog = catalog ?? new ModelCatalog();
        Backend = new ScriptedBackend(Pool, TimeProvider.System);
        RepositoryOptions options = new([Path]) { Mode = ModelControlMode.Explicit, AllowsOverride = true };
        Options = configure?.Invoke(options) ?? options;
        Repository = new ModelRepository(Options, Catalog, Backend, Pool, TimeProvider.System, NullLogger<ModelRepository>.Instance, limiter: limiter);
        Poller = new RepositoryPoller(Repository, Options, NullLogger.Instance);
    }

    public RepositoryOptions Options { get; }

    public ModelCatalog Catalog { get; }

    public BlockPool Pool { get; }

    public ScriptedBackend Backend { get; }

    public ModelRepository Repository { get; }

    public RepositoryPoller Poller { get; }

    public string Path => _directory.FullName;

    public string In(params string[] parts) => System.IO.Path.Combine([Path, .. parts]);

    public ScriptedRepository Write(string model, string script, int version = 1, string? config = "max_batch_size: 8")
    {
        Directory.CreateDirectory(In(model, $"{version}"));
        File.WriteAllText(In(model, $"{version}", "model.onnx"), script);
        if (config is not null && !File.Exists(In(model, "config.pbtxt"))) File.WriteAllText(In(model, "config.pbtxt"), config);
        return this;
    }

    public Task LoadAsync(string model, LoadOverride? given = null) => Repository.LoadAsync(model, given);

    /// <summary>Polls once, and waits for what that begins.</summary>
    public Task LookAsync()
    {
        Poller.Look();
        return Poller.WhenChangedAsync();
    }

    /// <summary>The index as lines of name, version, state and reason.</summary>
    public string[] Index(bool readyOnly = false) =>
        [.. Repository.Index(readyOnly).Select(status => $"{status.Name} {status.Version} {status.State}{(status.Reason.Length > 0 ? ": " : "")}{status.Reason}")];

    /// <summary>What the model adds to a number.</summary>
    public async Task<long> AddsAsync(string model, long version = 0)
    {
        ServedModel found = Catalog.Find(model, version);
        using InferenceRequest request = Catalog.RentRequest(found, version);
        return await SendAsync(request);
    }

    /// <summary>Fills a request with one row and sends it.</summary>
    /// <returns>What the model adds.</returns>
    public async Task<long> SendAsync(InferenceRequest request)
    {
        int width = (int)request.Model.Inputs[0].ClientDims[0];
        long[] numbers = new long[width];
        Assert.True(Pool.TryRent(width * sizeof(long), BlockOwner.RequestTensors, out MemoryBlock? block));
        MemoryMarshal.AsBytes(numbers.AsSpan()).CopyTo(block.Span);
        request.Block = block;
        request.Inputs[0] = new InputTensor { DataType = DataType.Int64, Shape = new TensorShape([1, width]), ByteLength = width * sizeof(long) };
        await request.Model.InferAsync(request);
        Assert.Equal((StatusCode.Ok, null), (request.Status, request.Error));
        return MemoryMarshal.Cast<byte, long>(request.Outputs[0].Bytes)[0];
    }

    public async ValueTask DisposeAsync()
    {
        await Repository.StopAsync(TimeSpan.FromSeconds(10));
        Assert.Equal(0, Backend.Open);
        if (_ownsPool)
        {
            Pool.AssertAllBack();
            Pool.Dispose();
        }

        if (_directory.Exists) _directory.Delete(recursive: true);
    }
}
