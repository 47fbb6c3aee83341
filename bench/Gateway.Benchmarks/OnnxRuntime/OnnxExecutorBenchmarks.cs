using BenchmarkDotNet.Attributes;
using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.Core.Models.Repository;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Harness.Models;
using Gateway.OnnxRuntime.Backend;
using Gateway.Protocol.Tensors;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gateway.Benchmarks.OnnxRuntime;

/// <summary>Batches of the sample model <c>digits</c> through the backend (gather, run, lend the outputs), beside the bare bound run.</summary>
[MemoryDiagnoser]
public class OnnxExecutorBenchmarks
{
    // Two slab pairs and 64 requests of one page each.
    private const long PoolBytes = 16L << 20;

    private readonly Batch _batch = new();
    private BlockPool _pool = null!;
    private OnnxRuntimeBackend _backend = null!;
    private ILoadedModel _file = null!;
    private IModelExecutor _executor = null!;
    private BoundModel _bare = null!;

    [Params(1, 8, 64)]
    public int Rows { get; set; } = 8;

    [GlobalSetup]
    public void Setup()
    {
        _pool = new BlockPool(PoolBytes, lockPages: false);
        _backend = new OnnxRuntimeBackend(_pool, TimeProvider.System, NullLoggerFactory.Instance);
        ModelSource source = ModelFolder.Read(Path.Combine(RepositoryRoot.Path, "config", "model-repository", "digits")).ChooseVersions()[0];

        // One thread on both sides; without a word about it the backend would measure which is faster.
        ModelConfig declared = source.Declared! with { OnnxRuntime = source.Declared!.OnnxRuntime with { IntraOpThreadCount = 1 } };
        source = source with { Declared = declared };
        _file = _backend.Load(source);
        ModelLayout layout = ModelLayoutBuilder.Build(source, _file.Signature);
        _executor = _file.CreateExecutors(layout, new InstanceGroup { Kind = InstanceKind.Cpu, Count = 1 }, instances: 1)[0];
        _bare = new BoundModel(source.File, Rows);

        BatchingPolicy policy = new() { MaxBatchRows = layout.MaxBatchRows };
        ServedModel model = new(layout, _file.Device, new DynamicBatcher(policy, policy.MakeFormer(TimeProvider.System), _pool, TimeProvider.System));
        for (int i = 0; i < Rows; i++) _batch.Add(Request(model), firstRow: 0, rows: 1);
    }

    [GlobalCleanup]
    public void CleanUp()
    {
        foreach (BatchSlice slice in _batch.Slices) slice.Request.Dispose();
        _bare.Dispose();
        _executor.Dispose();
        _file.Dispose();
        _backend.Dispose();
        _pool.Dispose();
    }

    [Benchmark(Baseline = true)]
    public void BareBoundRun() => _bare.Run();

    [Benchmark]
    public void Execute() => _executor.Execute(_batch).Release();

    private InferenceRequest Request(ServedModel model)
    {
        TensorSpec spec = model.Inputs[0];
        InferenceRequest request = model.RentRequest();
        if (!_pool.TryRent(spec.RowBytes, BlockOwner.RequestTensors, out MemoryBlock? block)) throw new InvalidOperationException("the benchmark's pool is too small");
        block.Span.Clear();
        request.Block = block;
        request.Inputs[0] = new InputTensor { DataType = spec.DataType, Shape = new TensorShape([1, .. spec.ClientDims.Dims]), ByteLength = spec.RowBytes };
        return request;
    }
}
