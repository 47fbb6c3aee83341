using System.Runtime.InteropServices;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Models.Repository;
using Gateway.Core.Requests;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;
using Gateway.Server.Remote;
using Gateway.UnitTests.Memory;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gateway.UnitTests.Remote;

/// <summary>A repository with one model <c>m</c> that another server runs, of which there is a configuration and nothing else; checks at the end that no memory is lent.</summary>
internal sealed class RemoteRepository : IAsyncDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("gateway-remote-");

    /// <param name="parameters">Pairs of names and values, beside the address.</param>
    public RemoteRepository(Uri upstream, string config = "", params (string Name, string Value)[] parameters)
    {
        Backend = new RemoteBackend(Pool, TimeProvider.System, NullLoggerFactory.Instance);
        RepositoryOptions options = new([_directory.FullName]) { Mode = ModelControlMode.Explicit, AllowsOverride = true };
        Repository = new ModelRepository(options, Catalog, Backend, Pool, TimeProvider.System, NullLogger<ModelRepository>.Instance);
        Poller = new RepositoryPoller(Repository, options, NullLogger.Instance);
        Directory.CreateDirectory(Path.Combine(_directory.FullName, "m"));
        IEnumerable<string> all = parameters.Prepend(("url", upstream.AbsoluteUri)).Select(each => $"parameters {{ key: '{each.Item1}' value {{ string_value: '{each.Item2}' }} }}");
        File.WriteAllText(Path.Combine(_directory.FullName, "m", "config.pbtxt"), $"platform: 'remote' {config} {string.Join(' ', all)}");
    }

    public BlockPool Pool { get; } = new(64 << 20, lockPages: false);

    public ModelCatalog Catalog { get; } = new();

    public RemoteBackend Backend { get; }

    public ModelRepository Repository { get; }

    public RepositoryPoller Poller { get; }

    public RemoteCounts Counts => Assert.Single(Backend.Counts).Counts;

    public ServedModel Model => Catalog.Find("m", 0);

    public Task LoadAsync() => Repository.LoadAsync("m");

    /// <summary>Sends numbers as rows of one INT64.</summary>
    public Task<RemoteAnswer> SendAsync(params long[] rows) => SendAsync(DataType.Int64, [rows.Length, 1], MemoryMarshal.AsBytes(rows.AsSpan()).ToArray());

    public async Task<RemoteAnswer> SendAsync(DataType type, long[] shape, byte[] tensor, long timeoutMicroseconds = 0)
    {
        using InferenceRequest request = Catalog.RentRequest(Model, 0);
        Assert.True(Pool.TryRent(Math.Max(1, tensor.Length), BlockOwner.RequestTensors, out MemoryBlock? block));
        tensor.CopyTo(block.Span);
        request.Block = block;
        request.Inputs[0] = new InputTensor { DataType = type, Shape = new TensorShape(shape), ByteLength = tensor.Length };
        if (timeoutMicroseconds > 0) request.LimitTime(timeoutMicroseconds);
        RequestValidation.Check(request);
        await request.Model.InferAsync(request);
        return request.Status == StatusCode.Ok
            ? new RemoteAnswer(request.Status, null, request.Outputs[0].Shape.ToString(), request.Outputs[0].Bytes.ToArray())
            : new RemoteAnswer(request.Status, request.Error, "", []);
    }

    public async ValueTask DisposeAsync()
    {
        await Repository.StopAsync(TimeSpan.FromSeconds(10));
        Pool.AssertAllBack();
        Pool.Dispose();
        _directory.Delete(recursive: true);
    }
}

/// <summary>What a request was answered with: its status, and the shape and bytes of its first output.</summary>
internal sealed record RemoteAnswer(StatusCode Status, string? Error, string Shape, byte[] Bytes)
{
    public long Number => Assert.Single(Numbers);

    public long[] Numbers => MemoryMarshal.Cast<byte, long>(Bytes).ToArray();
}
