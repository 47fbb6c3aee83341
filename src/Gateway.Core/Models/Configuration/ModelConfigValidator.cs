using Gateway.Core.Models.Configuration.Reading;
using Gateway.Protocol.Tensors;

namespace Gateway.Core.Models.Configuration;

/// <summary>Checks what a configuration's settings say, by Triton's rules and with its words where it has them.</summary>
internal static class ModelConfigValidator
{
    /// <summary>Triton's names for the backend that runs models here.</summary>
    public const string OnnxRuntimeBackend = "onnxruntime";
    public const string OnnxRuntimePlatform = "onnxruntime_onnx";

    /// <summary>Reports every problem of <paramref name="config"/>.</summary>
    /// <param name="config">What to check.</param>
    /// <param name="modelName">The model's directory name.</param>
    /// <param name="isComplete">Whether the model file has had its say, so that nothing may be missing any more.</param>
    /// <param name="errors">Where problems go.</param>
    public static void Check(ModelConfig config, string modelName, bool isComplete, ConfigErrors errors)
    {
        CheckIdentity(config, modelName, errors);
        CheckVersions(config.VersionPolicy, errors);
        TensorConfigValidator.Check(config, isComplete, errors);
        CheckInstanceGroups(config, errors);

        // A batch size that is still to come cannot be compared with yet.
        bool isMaxBatchSizeKnown = isComplete || config.IsMaxBatchSizeDeclared;
        if (config.DynamicBatching is { } batching) SchedulingValidator.Check(batching, config, isMaxBatchSizeKnown, errors);
        CheckWarmups(config, isMaxBatchSizeKnown, isComplete, errors);
    }

    /// <summary>Whether a path stays within the folder it is relative to.</summary>
    internal static bool IsInside(string path) =>
        !Path.IsPathRooted(path) && !path.Contains('\0') && !path.Split('/', '\\').Contains("..");

    private static void CheckIdentity(ModelConfig config, string modelName, ConfigErrors errors)
    {
        if (config.Name != modelName)
        {
            errors.Add("name", $"unexpected directory name '{modelName}' for model '{Suggestion.Shorten(config.Name)}', directory name must equal model name");
        }

        if (config.Backend is not ("" or OnnxRuntimeBackend or RemoteParameters.BackendName))
        {
            errors.Add("backend", $"backend '{Suggestion.Shorten(config.Backend)}' is not supported: models run on '{OnnxRuntimeBackend}', or '{RemoteParameters.BackendName}'");
        }

        if (config.Platform is not ("" or OnnxRuntimePlatform or RemoteParameters.BackendName))
        {
            errors.Add("platform", $"platform '{Suggestion.Shorten(config.Platform)}' is not supported: models are '{OnnxRuntimePlatform}', or '{RemoteParameters.BackendName}'");
        }

        if (config.Remote is not null) CheckRemote(config, errors);

        if (config.MaxBatchSize < 0) errors.Add("max_batch_size", $"'max_batch_size' must be non-negative value for {config.Name}");
        if (!IsInside(config.DefaultModelFilename))
        {
            errors.Add("default_model_filename", $"'default_model_filename' must stay within the version's directory, got '{Suggestion.Shorten(config.DefaultModelFilename)}'");
        }
    }

    /// <summary>What a model that another server runs cannot say: where and from which file.</summary>
    private static void CheckRemote(ModelConfig config, ConfigErrors errors)
    {
        if (config.Backend == OnnxRuntimeBackend || config.Platform == OnnxRuntimePlatform)
        {
            errors.Add("backend", $"platform '{config.Platform}' and backend '{config.Backend}' contradict each other: a model runs here or on another server");
        }

        if (config.DefaultModelFilename.Length > 0) errors.Add("default_model_filename", "'default_model_filename' has no meaning for a model that another server runs");
        if (config.Optimization.GpuAccelerators.Count > 0) errors.Add("optimization.execution_accelerators", "'execution_accelerators' are for the server to choose that runs the model");
        for (int i = 0; i < config.InstanceGroups.Count; i++)
        {
            if (config.InstanceGroups[i].Kind == InstanceKind.Gpu) errors.Add($"instance_group[{i}].kind", "instances of a model that another server runs are batches under way there; they have no device");
        }
    }

    private static void CheckVersions(VersionPolicy policy, ConfigErrors errors)
    {
        if (policy.Kind == VersionPolicyKind.Latest && policy.Count < 1)
        {
            errors.Add("version_policy.latest.num_versions", "'num_versions' must be at least 1, or no version would be served");
        }

        if (policy.Kind != VersionPolicyKind.Specific) return;
        if (policy.Versions.Count == 0) errors.Add("version_policy.specific", "'versions' must name at least one version");
        HashSet<long> seen = [];
        for (int i = 0; i < policy.Versions.Count; i++)
        {
            string path = $"version_policy.specific.versions[{i}]";
            if (policy.Versions[i] < 1) errors.Add(path, $"a version must be a number from 1, got {policy.Versions[i]}");
            else if (!seen.Add(policy.Versions[i])) errors.Add(path, $"version {policy.Versions[i]} is given twice");
        }
    }

    private static void CheckInstanceGroups(ModelConfig config, ConfigErrors errors)
    {
        for (int i = 0; i < config.InstanceGroups.Count; i++)
        {
            InstanceGroup group = config.InstanceGroups[i];
            string path = $"instance_group[{i}]";
            string name = group.Name.Length > 0 ? group.Name : $"{config.Name}_{i}";
            if (group.Count < 0) errors.Add($"{path}.count", $"instance group {name} of model {config.Name} must have a count of 1 or more, got {group.Count}");
            if (group.Kind == InstanceKind.Cpu && group.Gpus.Count > 0)
            {
                errors.Add($"{path}.gpus", $"instance group {name} of model {config.Name} has kind KIND_CPU but specifies one or more GPUs");
            }

            HashSet<int> seen = [];
            for (int g = 0; g < group.Gpus.Count; g++)
            {
                if (group.Gpus[g] < 0) errors.Add($"{path}.gpus[{g}]", $"instance group {name} of model {config.Name} specifies invalid gpu id {group.Gpus[g]}");
                else if (!seen.Add(group.Gpus[g])) errors.Add($"{path}.gpus[{g}]", $"gpu id {group.Gpus[g]} is given twice");
            }

            if (group.RateLimiter is { } limiter) CheckResources(limiter.Resources, $"{path}.rate_limiter.resources", errors);
        }
    }

    private static void CheckResources(IReadOnlyList<NeededResource> resources, string path, ConfigErrors errors)
    {
        HashSet<string> seen = [];
        for (int i = 0; i < resources.Count; i++)
        {
            if (resources[i].Name.Length == 0) errors.Add($"{path}[{i}].name", "a resource must have a name");
            else if (!seen.Add(resources[i].Name)) errors.Add($"{path}[{i}].name", $"resource '{resources[i].Name}' is given twice");
        }
    }

    private static void CheckWarmups(ModelConfig config, bool isMaxBatchSizeKnown, bool isComplete, ConfigErrors errors)
    {
        for (int i = 0; i < config.Warmups.Count; i++)
        {
            ModelWarmup warmup = config.Warmups[i];
            string path = $"model_warmup[{i}]";
            int most = Math.Max(config.MaxBatchSize, 1);
            if (warmup.BatchSize < 1)
            {
                errors.Add($"{path}.batch_size", $"warm-up '{warmup.Name}' must have a batch_size of at least 1");
            }
            else if (isMaxBatchSizeKnown && warmup.BatchSize > most)
            {
                errors.Add($"{path}.batch_size", $"warm-up '{warmup.Name}' has batch_size {warmup.BatchSize}, beyond the {most} that model '{config.Name}' takes");
            }

            foreach ((string name, WarmupInput input) in warmup.Inputs) CheckWarmupInput(config, name, input, ConfigSource.Entry($"{path}.inputs", name), isComplete, errors);
            if (isComplete) CheckWarmupIsWhole(config, warmup, path, errors);
        }
    }

    private static void CheckWarmupIsWhole(ModelConfig config, ModelWarmup warmup, string path, ConfigErrors errors)
    {
        foreach (InputConfig input in config.Inputs)
        {
            if (!warmup.Inputs.ContainsKey(input.Name)) errors.Add($"{path}.inputs", $"warm-up '{warmup.Name}' has no data for input '{input.Name}'");
        }
    }

    private static void CheckWarmupInput(ModelConfig config, string name, WarmupInput input, string path, bool isComplete, ConfigErrors errors)
    {
        if (input.Dims.Any(d => d < 0)) errors.Add($"{path}.dims", $"warmup setting expects all variable-size dimensions are specified for input '{name}'");
        if (input.DataType == DataType.Invalid) errors.Add($"{path}.data_type", $"warm-up input '{name}' must specify 'data_type'");
        if (input.Source == WarmupSource.File && (input.DataFile.Length == 0 || !IsInside(input.DataFile)))
        {
            errors.Add($"{path}.input_data_file", $"'input_data_file' must be a file in the model's warmup folder, got '{Suggestion.Shorten(input.DataFile)}'");
        }

        if (!isComplete) return;
        InputConfig? declared = config.Inputs.FirstOrDefault(t => t.Name == name);
        if (declared is null)
        {
            errors.Add(path, $"unexpected warm-up input '{name}', allowed inputs are: {string.Join(", ", config.Inputs.Select(t => t.Name))}");
            return;
        }

        if (input.DataType != declared.DataType) errors.Add($"{path}.data_type", $"warm-up input '{name}' must be {declared.DataType.WireName()}, got {input.DataType.WireName()}");
        bool fits = input.Dims.Count == declared.Dims.Count && input.Dims.Zip(declared.Dims).All(d => d.Second == -1 || d.First == d.Second);
        if (!fits) errors.Add($"{path}.dims", $"warm-up input '{name}' must have shape {ShapeText.Of(declared.Dims)}, got {ShapeText.Of(input.Dims)}");
    }
}
