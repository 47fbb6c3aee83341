using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Models.Repository;
using Gateway.Core.Requests;
using Gateway.Harness.Models;
using Gateway.OnnxRuntime.Backend;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gateway.Harness.Subjects.Gpu;

/// <summary>The engine without its front door: a model served in this process, asked for whole batches.</summary>
/// <remarks><b>Ownership</b>: the caller disposes it.</remarks>
internal sealed class EngineLoop : IAsyncDisposable
{
    private readonly BlockPool _pool = new(1L << 30);
    private readonly OnnxRuntimeBackend _backend;
    private readonly ModelRepository _repository;
    private readonly ModelCatalog _catalog = new();

    private EngineLoop(string repository)
    {
        _backend = new OnnxRuntimeBackend(_pool, TimeProvider.System, NullLoggerFactory.Instance);
        _repository = new ModelRepository(new RepositoryOptions([repository]), _catalog, _backend, _pool, TimeProvider.System, NullLogger<ModelRepository>.Instance);
    }

    /// <exception cref="InvalidDataException">A model could not be loaded; with the reason.</exception>
    public static async Task<EngineLoop> StartAsync(string repository)
    {
        EngineLoop loop = new(repository);
        await loop._repository.LoadAllAsync(CancellationToken.None);
        if (loop._catalog.Index.FirstOrDefault(status => status.State != ModelState.Ready) is not { } broken) return loop;
        await loop.DisposeAsync();
        throw new InvalidDataException($"{broken.Name}: {broken.Reason}");
    }

    public ServedModel Model(BenchModel model) => _catalog.Find(model.Name, 0);

    /// <summary>Asks for batches of <paramref name="rows"/>, so many at a time, each again as soon as it is answered.</summary>
    /// <returns>Rows a second.</returns>
    public async Task<double> RunAsync(BenchModel model, int rows, int atOnce, double seconds)
    {
        TimeProvider time = TimeProvider.System;
        long start = time.GetTimestamp();
        long end = start + (long)(seconds * time.TimestampFrequency);
        byte[] tensor = model.RandomRows(rows);
        int[] answered = await Task.WhenAll(Enumerable.Range(0, atOnce).Select(_ => Task.Run(async () =>
        {
            int count = 0;
            while (time.GetTimestamp() < end)
            {
                using InferenceRequest request = Request(model, rows, tensor);
                await request.Model.InferAsync(request);
                if (request.Status != StatusCode.Ok) throw new InvalidDataException(request.Error);
                count++;
            }

            return count;
        })));
        return answered.Sum() * (double)rows / time.GetElapsedTime(start).TotalSeconds;
    }

    public async ValueTask DisposeAsync()
    {
        await _repository.StopAsync(TimeSpan.FromSeconds(10));
        _backend.Dispose();
        _pool.Dispose();
    }

    private InferenceRequest Request(BenchModel model, int rows, byte[] tensor)
    {
        InferenceRequest request = Model(model).RentRequest();
        if (!_pool.TryRent(tensor.Length, BlockOwner.RequestTensors, out MemoryBlock? block)) throw new InvalidDataException("the pool is too small");
        tensor.CopyTo(block.Span);
        request.Block = block;
        request.Inputs[0] = new InputTensor { DataType = DataType.Fp32, Shape = new TensorShape([rows, .. model.InputDims.Select(size => (long)size)]), ByteLength = tensor.Length };
        return request;
    }
}
