using BenchmarkDotNet.Attributes;
using Gateway.Benchmarks.Scheduling;
using Gateway.Core.Caching;
using Gateway.Core.Memory;
using Gateway.Core.Requests;
using Gateway.Faster;
using Gateway.Protocol.Tensors;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gateway.Benchmarks.Caching;

/// <summary>A request of a light model as an endpoint makes it, from the lending of the request to its return: a hit, a miss that is kept, and the same without a cache.</summary>
/// <remarks>The model costs nothing, so that what is left is the gateway's. A miss is run by the thread that brings it; its entry is written by the cache's own thread meanwhile.</remarks>
[MemoryDiagnoser]
public class ModelCacheBenchmarks
{
    private readonly BlockPool _pool = new(256 << 20, lockPages: false);
    private NoOpModel _cached = null!;
    private NoOpModel _plain = null!;
    private ResponseCache _cache = null!;
    private int _number;

    [GlobalSetup]
    public void Setup()
    {
        _cached = new NoOpModel(_pool, maxBatchSize: 8);
        _plain = new NoOpModel(_pool, maxBatchSize: 8);
        _cache = FasterResponseCache.Create(new CacheOptions(), _pool, TimeProvider.System, NullLogger<ResponseCache>.Instance);
        _cache.Open(_cached.Served, new ModelCacheConfig(), static _ => 1);
        Ask(_cached, 0, CacheUse.Ordinary);
        _cache.FlushAsync().Wait();
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _cached.DisposeAsync().AsTask().Wait();
        _plain.DisposeAsync().AsTask().Wait();
        _cache.Dispose();
        _pool.Dispose();
    }

    [Benchmark(Baseline = true)]
    public RequestOutcome NoCache() => Ask(_plain, 0, CacheUse.Ordinary);

    [Benchmark]
    public RequestOutcome Hit() => Ask(_cached, 0, CacheUse.Ordinary);

    /// <summary>No two are the same: looked for, run, kept as long as there is room.</summary>
    [Benchmark]
    public RequestOutcome Miss() => Ask(_cached, ++_number, CacheUse.Ordinary);

    /// <summary>Likewise, all kept, full or not.</summary>
    [Benchmark]
    public RequestOutcome Insert() => Ask(_cached, ++_number, CacheUse.Refresh);

    private RequestOutcome Ask(NoOpModel model, int number, CacheUse use)
    {
        InferenceRequest request = model.Served.RentRequest();
        if (!_pool.TryRent(NoOpModel.InputElements * sizeof(float), BlockOwner.RequestTensors, out MemoryBlock? block)) throw new InvalidOperationException("The pool is too small.");
        Span<byte> bytes = block.Span[..(NoOpModel.InputElements * sizeof(float))];
        bytes.Clear();
        BitConverter.TryWriteBytes(bytes, number);
        request.Block = block;
        request.Inputs[0] = new InputTensor { DataType = DataType.Fp32, Shape = new TensorShape([1, NoOpModel.InputElements]), ByteLength = bytes.Length };
        request.CacheUse = use;
        ValueTask answered = model.Served.InferAsync(request);
        if (!answered.IsCompleted) answered.AsTask().Wait();
        RequestOutcome outcome = request.Outcome;
        request.Dispose();
        return outcome;
    }
}
