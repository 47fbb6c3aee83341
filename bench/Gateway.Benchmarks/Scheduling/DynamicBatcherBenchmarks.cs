using BenchmarkDotNet.Attributes;
using Gateway.Core.Memory;
using Gateway.Core.Requests;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;

namespace Gateway.Benchmarks.Scheduling;

/// <summary>A request's way through the whole engine, from an empty request to its disposal, with a model that costs nothing.</summary>
[MemoryDiagnoser]
public class DynamicBatcherBenchmarks
{
    private const int Operations = 64;

    // A few blocks of the smallest size for each request in flight.
    private const long PoolBytes = 16L << 20;

    private readonly ThreadPoolHop _hop = new();
    private readonly InferenceRequest[] _requests = new InferenceRequest[Operations];
    private readonly ValueTask[] _answers = new ValueTask[Operations];
    private BlockPool _pool = null!;
    private NoOpModel _model = null!;

    [GlobalSetup]
    public void Setup()
    {
        _pool = new BlockPool(PoolBytes, lockPages: false);
        _model = new NoOpModel(_pool, Operations);
    }

    [GlobalCleanup]
    public async Task CleanUpAsync()
    {
        await _model.DisposeAsync();
        _pool.Dispose();
    }

    [Benchmark(Baseline = true, OperationsPerInvoke = Operations)]
    public async Task ThreadPoolHopAsync()
    {
        for (int i = 0; i < Operations; i++) await _hop.GoAsync();
    }

    /// <summary>One request after the other.</summary>
    [Benchmark(OperationsPerInvoke = Operations)]
    public async Task OneByOneAsync()
    {
        for (int i = 0; i < Operations; i++)
        {
            InferenceRequest request = Rent();
            await _model.Served.InferAsync(request);
            Finish(request);
        }
    }

    /// <summary>64 at once, which the engine may batch as it likes.</summary>
    [Benchmark(OperationsPerInvoke = Operations)]
    public async Task AllAtOnceAsync()
    {
        for (int i = 0; i < Operations; i++)
        {
            _requests[i] = Rent();
#pragma warning disable CA2012 // Awaited once each, below.
            _answers[i] = _model.Served.InferAsync(_requests[i]);
#pragma warning restore CA2012
        }

        for (int i = 0; i < Operations; i++)
        {
            await _answers[i];
            Finish(_requests[i]);
        }
    }

    private InferenceRequest Rent()
    {
        InferenceRequest request = _model.Served.RentRequest();
        const int Bytes = NoOpModel.InputElements * sizeof(float);
        if (!_pool.TryRent(Bytes, BlockOwner.RequestTensors, out MemoryBlock? block)) throw new InvalidOperationException("the benchmark's pool is too small");
        request.Block = block;
        request.Inputs[0] = new InputTensor { DataType = DataType.Fp32, Shape = new TensorShape([1, NoOpModel.InputElements]), ByteLength = Bytes };
        return request;
    }

    private static void Finish(InferenceRequest request)
    {
        if (request.Status != StatusCode.Ok) throw new InvalidOperationException(request.Error);
        request.Dispose();
    }
}
