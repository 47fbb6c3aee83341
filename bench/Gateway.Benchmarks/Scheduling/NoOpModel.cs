using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.Core.Scheduling;
using Gateway.Protocol.Tensors;

namespace Gateway.Benchmarks.Scheduling;

/// <summary>A model that is served and costs nothing: one FP32 input <c>x</c> and one FP32 output <c>y</c>.</summary>
internal sealed class NoOpModel : IAsyncDisposable
{
    public const string Name = "no-op";
    public const int InputElements = 64;
    private const int OutputElements = 10;

    private readonly DynamicBatcher _batcher;

    public NoOpModel(BlockPool pool, int maxBatchSize)
    {
        ModelConfig config = new() { Name = Name, MaxBatchSize = maxBatchSize };
        ModelLayout layout = new(
            config.Name,
            1,
            config,
            [new TensorSpec("x", DataType.Fp32, [InputElements], [InputElements], [])],
            [new TensorSpec("y", DataType.Fp32, [OutputElements], [OutputElements], [])]);
        BatchingPolicy policy = new() { MaxBatchRows = maxBatchSize };
        _batcher = new DynamicBatcher(policy, policy.MakeFormer(TimeProvider.System), pool, TimeProvider.System);
        Served = new ServedModel(layout, "nowhere", _batcher);
        _batcher.Start([new NoOpExecutor(layout, pool, TimeProvider.System)], layout);
    }

    public ServedModel Served { get; }

    public ValueTask DisposeAsync() => _batcher.DisposeAsync();
}
