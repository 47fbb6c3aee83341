using Gateway.Protocol.Tensors;

namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>Turns a configuration as it was written into a <see cref="ModelConfig"/>.</summary>
internal static class ModelConfigBinder
{
    public static ModelConfig Bind(ConfigMessage config, string modelName, ConfigSource source, ConfigErrors errors)
    {
        Dictionary<string, string> parameters =
            config.MessageMap("parameters").ToDictionary(p => (string)p.Key, p => p.Value.Text("string_value"), StringComparer.Ordinal);
        return new ModelConfig
        {
            Name = config.Text("name") is { Length: > 0 } name ? name : modelName,
            Platform = config.Text("platform"),
            Backend = config.Text("backend"),
            DefaultModelFilename = config.Text("default_model_filename"),
            MaxBatchSize = (int)config.Int("max_batch_size"),
            IsMaxBatchSizeDeclared = config.Has("max_batch_size"),
            VersionPolicy = BindVersionPolicy(config.Message("version_policy"), errors),
            Inputs = [.. config.All<ConfigMessage>("input").Select(BindInput)],
            Outputs = [.. config.All<ConfigMessage>("output").Select(BindOutput)],
            InstanceGroups = [.. config.All<ConfigMessage>("instance_group").Select((g, i) => BindInstanceGroup(g, $"instance_group[{i}].", errors))],
            DynamicBatching = SchedulingBinder.Bind(config.Message("dynamic_batching"), errors),
            Optimization = OptimizationBinder.Bind(config.Message("optimization"), errors),
            Parameters = parameters,
            Remote = RemoteParameters.BackendName == config.Text("backend") || RemoteParameters.BackendName == config.Text("platform") ? RemoteParameterBinder.Bind(parameters, errors) : null,
            OnnxRuntime = ParameterBinder.Bind(parameters, errors),
            Warmups = [.. config.All<ConfigMessage>("model_warmup").Select((w, i) => WarmupBinder.Bind(w, $"model_warmup[{i}].", errors))],
            ResponseCacheEnabled = config.Message("response_cache")?.Bool("enable") ?? false,
            MetricTags = config.TextMap("metric_tags"),
            Source = source,
        };
    }

    private static VersionPolicy BindVersionPolicy(ConfigMessage? policy, ConfigErrors errors)
    {
        if (policy?.Has("all") == true) return VersionPolicy.All;
        if (policy?.Message("specific") is { } specific) return VersionPolicy.Specific(specific.All<long>("versions"));
        ConfigMessage? latest = policy?.Message("latest");
        return VersionPolicy.Latest(latest?.Has("num_versions") == true
            ? BinderScalars.Count(latest, "num_versions", "version_policy.latest.", int.MaxValue, errors)
            : 1);
    }

    private static InputConfig BindInput(ConfigMessage input) => new()
    {
        Name = input.Text("name"),
        DataType = (DataType)input.Int("data_type"),
        Dims = input.All<long>("dims"),
        Reshape = input.Message("reshape")?.All<long>("shape"),
        Format = (TensorFormat)input.Int("format"),
    };

    private static OutputConfig BindOutput(ConfigMessage output) => new()
    {
        Name = output.Text("name"),
        DataType = (DataType)output.Int("data_type"),
        Dims = output.All<long>("dims"),
        Reshape = output.Message("reshape")?.All<long>("shape"),
        LabelFilename = output.Text("label_filename"),
    };

    private static InstanceGroup BindInstanceGroup(ConfigMessage group, string prefix, ConfigErrors errors)
    {
        const long KindModel = 3;
        long kind = group.Int("kind");
        if (kind == KindModel) errors.Add(prefix + "kind", "'KIND_MODEL' is not supported yet: the server places instances, a model cannot; use KIND_GPU or KIND_CPU");
        return new InstanceGroup
        {
            Name = group.Text("name"),
            Kind = kind == KindModel ? InstanceKind.Auto : (InstanceKind)kind,
            Count = (int)group.Int("count"),
            Gpus = [.. group.All<long>("gpus").Select(g => (int)g)],
            RateLimiter = group.Message("rate_limiter") is { } limiter ? BindRateLimiter(limiter, prefix + "rate_limiter.", errors) : null,
        };
    }

    private static InstanceRateLimiter BindRateLimiter(ConfigMessage limiter, string prefix, ConfigErrors errors) => new(
        [.. limiter.All<ConfigMessage>("resources").Select((r, i) => new NeededResource(r.Text("name"), r.Bool("global"), BinderScalars.Count(r, "count", $"{prefix}resources[{i}].", int.MaxValue, errors)))],
        BinderScalars.Count(limiter, "priority", prefix, int.MaxValue, errors));
}
