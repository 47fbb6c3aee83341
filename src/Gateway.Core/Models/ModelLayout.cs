using Gateway.Core.Models.Configuration;
using Gateway.Protocol.Tensors;

namespace Gateway.Core.Models;

/// <summary>A model version's tensors and limits, complete and checked: what the engine needs to run it.</summary>
public sealed class ModelLayout
{
    public ModelLayout(string name, long version, ModelConfig config, IReadOnlyList<TensorSpec> inputs, IReadOnlyList<TensorSpec> outputs)
    {
        Name = name;
        Version = version;
        Config = config;
        Inputs = inputs;
        Outputs = outputs;
    }

    public string Name { get; }

    /// <summary>Above 0.</summary>
    public long Version { get; }

    /// <summary>The complete configuration.</summary>
    public ModelConfig Config { get; }

    public IReadOnlyList<TensorSpec> Inputs { get; }

    public IReadOnlyList<TensorSpec> Outputs { get; }

    /// <summary>Whether the first dimension of every tensor is the batch.</summary>
    public bool IsBatching => Config.MaxBatchSize > 0;

    /// <summary>Most rows of one run; 1 for a model that does not batch, whose requests run one by one.</summary>
    public int MaxBatchRows => Math.Max(1, Config.MaxBatchSize);

    /// <summary>The shape of so many rows of a tensor.</summary>
    /// <param name="dims">Without the batch dimension.</param>
    public TensorShape ForRows(TensorShape dims, int rows) => IsBatching ? new TensorShape([rows, .. dims.Dims]) : dims;
}
