using Gateway.Core.Models.Configuration.Reading;

namespace Gateway.Core.Models.Configuration;

/// <summary>Fills a short or missing configuration from the model file, and checks that file and configuration agree.</summary>
/// <remarks>
/// <para><b>Behaviour</b>: as Triton completes configurations for its ONNX Runtime backend. Batching is turned on only when the configuration leaves
/// tensors out, writes no <c>max_batch_size</c>, and every tensor of the file has a first dimension of unknown size. Two deliberate differences: an explicit
/// <c>max_batch_size: 0</c> is kept, where Triton takes it for an absent one; and inputs that are left out, whole or in part, are added, where
/// Triton refuses a list that names only some.</para>
/// <para>What comes back satisfies: <see cref="TensorConfig.ModelDims"/>, after a batch dimension when <see cref="ModelConfig.MaxBatchSize"/> is above 0, fits the file's shape.</para>
/// </remarks>
public static class ModelConfigCompletion
{
    /// <summary>Batch size of a model that can batch but states no size: Triton's <c>default-max-batch-size</c>.</summary>
    public const int DefaultMaxBatchSize = 4;

    /// <summary>The model file of a version that names none: Triton's.</summary>
    public const string DefaultModelFilename = "model.onnx";

    /// <summary>The whole configuration of a model.</summary>
    /// <param name="declared">What its configuration file says; null when there is no such file.</param>
    /// <param name="modelName">The model's directory name.</param>
    /// <param name="file">What the model file says.</param>
    /// <exception cref="ModelConfigException">The two disagree, or what they make together is not valid.</exception>
    public static ModelConfig Complete(ModelConfig? declared, string modelName, ModelSignature file)
    {
        ModelConfig config = declared ?? new ModelConfig { Name = modelName };
        ConfigErrors errors = new(config.Source, modelName);
        config = CompleteBatching(config, file, errors);
        errors.ThrowIfAny();

        config = new TensorCompletion(config, file, errors).Complete();
        errors.ThrowIfAny();

        config = CompleteDefaults(config);
        ModelConfigValidator.Check(config, modelName, isComplete: true, errors);
        errors.ThrowIfAny();
        return config;
    }

    private static ModelConfig CompleteBatching(ModelConfig config, ModelSignature file, ConfigErrors errors)
    {
        if (file.MaxBatchSize is { } most) config = CompleteBatchSize(config, file, most, errors);
        bool isWhole = config.Inputs.Count > 0 && config.Outputs.Count > 0 && config.Inputs.Concat<TensorConfig>(config.Outputs).All(t => t.Dims.Count > 0);
        if (isWhole) return config;

        if (!CanBatch(file))
        {
            if (config.MaxBatchSize > 0)
            {
                errors.Add("max_batch_size", $"autofill failed for model '{config.Name}': model does not support batching while non-zero max_batch_size is specified");
            }

            return config;
        }

        if (!config.IsMaxBatchSizeDeclared && !StatesBatchDimension(config, file)) config = config with { MaxBatchSize = DefaultMaxBatchSize };
        return config.MaxBatchSize > 1 && config.DynamicBatching is null ? config with { DynamicBatching = new DynamicBatching() } : config;
    }

    /// <summary>The batch size where whoever runs the model states one: it is taken over, and cannot be surpassed.</summary>
    private static ModelConfig CompleteBatchSize(ModelConfig config, ModelSignature file, int most, ConfigErrors errors)
    {
        if (config.IsMaxBatchSizeDeclared)
        {
            if (most > 0 && config.MaxBatchSize > most) errors.Add("max_batch_size", $"max_batch_size is {config.MaxBatchSize}, but the server that runs model '{config.Name}' takes {most} at most");
            return config;
        }

        return StatesBatchDimension(config, file) ? config : config with { MaxBatchSize = most, IsMaxBatchSizeDeclared = true };
    }

    private static bool CanBatch(ModelSignature file) =>
        file.Inputs.Count > 0 && file.Inputs.Concat(file.Outputs).All(t => t.Dims.Count > 0 && t.Dims[0] == -1);

    /// <summary>Whether a tensor that the configuration does list has as many dimensions as the file's: then it counts the batch dimension as one of its own.</summary>
    private static bool StatesBatchDimension(ModelConfig config, ModelSignature file) =>
        States(config.Inputs, file.Inputs) || States(config.Outputs, file.Outputs);

    private static bool States(IReadOnlyList<TensorConfig> declared, IReadOnlyList<TensorSignature> file) =>
        declared.Any(t => t.Dims.Count > 0 && file.Any(f => f.Name == t.Name && f.Dims.Count == t.ModelDims.Count));

    private static ModelConfig CompleteDefaults(ModelConfig config)
    {
        if (config.DynamicBatching is { PreferredBatchSizes.Count: 0 } batching && config.MaxBatchSize > 0)
        {
            config = config with { DynamicBatching = batching with { PreferredBatchSizes = [config.MaxBatchSize] } };
        }

        if (config.Remote is not null) return CompleteRemote(config);
        return config with
        {
            Platform = ModelConfigValidator.OnnxRuntimePlatform,
            Backend = ModelConfigValidator.OnnxRuntimeBackend,
            DefaultModelFilename = config.DefaultModelFilename.Length > 0 ? config.DefaultModelFilename : DefaultModelFilename,
            InstanceGroups = Named(config.InstanceGroups, config.Name),
        };
    }

    private static ModelConfig CompleteRemote(ModelConfig config)
    {
        // Two batches under way: while one runs there, the next one's rows and the last one's answer are on the network.
        const int BatchesAtOnce = 2;
        IReadOnlyList<InstanceGroup> groups = config.InstanceGroups.Count > 0 ? config.InstanceGroups : [new InstanceGroup { Kind = InstanceKind.Cpu, Count = BatchesAtOnce }];
        return config with { Platform = RemoteParameters.BackendName, Backend = RemoteParameters.BackendName, InstanceGroups = Named(groups, config.Name) };
    }

    private static InstanceGroup[] Named(IReadOnlyList<InstanceGroup> groups, string model) => [.. groups.Select((g, i) => g.Name.Length > 0 ? g : g with { Name = $"{model}_{i}" })];
}
