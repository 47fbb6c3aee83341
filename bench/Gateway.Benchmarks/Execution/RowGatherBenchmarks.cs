using BenchmarkDotNet.Attributes;
using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol.Tensors;

namespace Gateway.Benchmarks.Execution;

/// <summary>The rows of 64 requests copied to where a batch has them together, beside one copy of as many bytes. What comes out of a batch is lent, not copied: nothing is scattered.</summary>
[MemoryDiagnoser]
public class RowGatherBenchmarks
{
    private const int Rows = 64;
    private const long PoolBytes = 16L << 20;

    private readonly Batch _batch = new();
    private BlockPool _pool = null!;
    private byte[] _from = [];
    private byte[] _to = [];

    /// <summary>64 floats, and an image of 3×32×32.</summary>
    [Params(256, 12_288)]
    public int RowBytes { get; set; } = 256;

    [GlobalSetup]
    public void Setup()
    {
        _pool = new BlockPool(PoolBytes, lockPages: false);
        int elements = RowBytes / sizeof(float);
        ModelConfig config = new() { Name = "rows", MaxBatchSize = Rows };
        ModelLayout layout = new(config.Name, 1, config, [new TensorSpec("x", DataType.Fp32, [elements], [elements], [])], [new TensorSpec("y", DataType.Fp32, [1], [1], [])]);
        BatchingPolicy policy = new() { MaxBatchRows = Rows };
        ServedModel model = new(layout, "nowhere", new DynamicBatcher(policy, policy.MakeFormer(TimeProvider.System), _pool, TimeProvider.System));
        for (int i = 0; i < Rows; i++) _batch.Add(Request(model, elements), firstRow: 0, rows: 1);
        _from = new byte[Rows * RowBytes];
        _to = new byte[Rows * RowBytes];
    }

    [GlobalCleanup]
    public void CleanUp()
    {
        foreach (BatchSlice slice in _batch.Slices) slice.Request.Dispose();
        _pool.Dispose();
    }

    [Benchmark(Baseline = true)]
    public void CopyAtOnce() => _from.CopyTo(_to, 0);

    [Benchmark]
    public void Gather() => RowGather.Into(_batch, 0, RowBytes, _to);

    private InferenceRequest Request(ServedModel model, int elements)
    {
        InferenceRequest request = model.RentRequest();
        if (!_pool.TryRent(RowBytes, BlockOwner.RequestTensors, out MemoryBlock? block)) throw new InvalidOperationException("the benchmark's pool is too small");
        block.Span.Clear();
        request.Block = block;
        request.Inputs[0] = new InputTensor { DataType = DataType.Fp32, Shape = new TensorShape([1, elements]), ByteLength = RowBytes };
        return request;
    }
}
