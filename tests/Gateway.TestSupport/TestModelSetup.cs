using Gateway.Core.Execution;
using Gateway.Core.Features;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.Core.Scheduling;
using Gateway.Core.Scheduling.Resources;
using Gateway.Protocol.Tensors;

namespace Gateway.TestSupport;

/// <summary>What a <see cref="TestModel"/> is made from; the defaults are a model of one INT64 in, one INT64 out, on one instance.</summary>
public sealed record TestModelSetup
{
    /// <summary>Makes one instance.</summary>
    public required Func<ModelLayout, BlockPool, TimeProvider, IModelExecutor> CreateExecutor { get; init; }

    public BatchingPolicy Policy { get; init; } = new() { MaxBatchRows = 8, FollowsLatencyCurve = false };

    public IReadOnlyList<TensorSpec> Inputs { get; init; } = [Tensor("x", DataType.Int64, 1)];

    public IReadOnlyList<TensorSpec> Outputs { get; init; } = [Tensor("y", DataType.Int64, 1)];

    /// <summary>Whether tensors have a batch dimension.</summary>
    public bool IsBatching { get; init; } = true;

    public int Instances { get; init; } = 1;

    /// <summary>Where its instances get what their batches need; null for nowhere.</summary>
    public RateLimiter? Limiter { get; init; }

    public InstanceRateLimiter? Needs { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Ceiling of the pool that requests and outputs lie in.</summary>
    public long PoolBytes { get; init; } = 64L << 20;

    /// <summary>Makes the feature views that requests may name; null for none.</summary>
    public Func<BlockPool, FeatureViews>? Features { get; init; }

    /// <summary>A tensor that clients and model see alike.</summary>
    public static TensorSpec Tensor(string name, DataType type, params ReadOnlySpan<long> dims) => new(name, type, dims, dims, []);
}
