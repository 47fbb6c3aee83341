using System.Globalization;
using System.Text.Json;

namespace Gateway.Core.Models.Configuration;

/// <summary>Writes a configuration as Triton's <c>/config</c> answers it: protobuf's JSON with its own field names.</summary>
/// <remarks>
/// <b>Behaviour</b>: plain fields are written even when they have their default, messages only when they are set, 64-bit numbers as numbers.
/// Fields that are always refused when read stand there with their defaults, because clients may look for them.
/// <see cref="ModelConfigReader.ReadJson"/> reads the result back.
/// </remarks>
public static class ModelConfigJson
{
    /// <summary>Writes one JSON object.</summary>
    public static void Write(Utf8JsonWriter json, ModelConfig config)
    {
        json.WriteStartObject();
        json.WriteString("name", config.Name);
        json.WriteString("platform", config.Platform);
        json.WriteString("backend", config.Backend);
        json.WriteString("runtime", "");
        WriteVersionPolicy(json, config.VersionPolicy);
        json.WriteNumber("max_batch_size", config.MaxBatchSize);
        WriteArray(json, "input", config.Inputs, WriteInput);
        WriteArray(json, "output", config.Outputs, WriteOutput);
        WriteEmptyArrays(json, "batch_input", "batch_output");
        OptimizationJson.Write(json, config.Optimization);
        if (config.DynamicBatching is { } batching) WriteDynamicBatching(json, batching);
        WriteArray(json, "instance_group", config.InstanceGroups, WriteInstanceGroup);
        json.WriteString("default_model_filename", config.DefaultModelFilename);
        WriteMap(json, "cc_model_filenames", []);
        WriteMap(json, "metric_tags", config.MetricTags);
        json.WriteStartObject("parameters");
        foreach ((string key, string value) in config.Parameters)
        {
            json.WriteStartObject(key);
            json.WriteString("string_value", value);
            json.WriteEndObject();
        }

        json.WriteEndObject();
        WriteArray(json, "model_warmup", config.Warmups, WriteWarmup);
        if (config.ResponseCacheEnabled)
        {
            json.WriteStartObject("response_cache");
            json.WriteBoolean("enable", true);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    internal static void WriteArray<T>(Utf8JsonWriter json, string name, IReadOnlyList<T> items, Action<Utf8JsonWriter, T> write)
    {
        json.WriteStartArray(name);
        foreach (T item in items)
        {
            json.WriteStartObject();
            write(json, item);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    internal static void WriteMap(Utf8JsonWriter json, string name, IEnumerable<KeyValuePair<string, string>> map)
    {
        json.WriteStartObject(name);
        foreach ((string key, string value) in map) json.WriteString(key, value);
        json.WriteEndObject();
    }

    private static void WriteEmptyArrays(Utf8JsonWriter json, params string[] names)
    {
        foreach (string name in names)
        {
            json.WriteStartArray(name);
            json.WriteEndArray();
        }
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, IEnumerable<long> numbers)
    {
        json.WriteStartArray(name);
        foreach (long number in numbers) json.WriteNumberValue(number);
        json.WriteEndArray();
    }

    private static void WriteVersionPolicy(Utf8JsonWriter json, VersionPolicy policy)
    {
        json.WriteStartObject("version_policy");
        switch (policy.Kind)
        {
            case VersionPolicyKind.All:
                json.WriteStartObject("all");
                break;
            case VersionPolicyKind.Specific:
                json.WriteStartObject("specific");
                WriteNumbers(json, "versions", policy.Versions);
                break;
            default:
                json.WriteStartObject("latest");
                json.WriteNumber("num_versions", policy.Count);
                break;
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteInput(Utf8JsonWriter json, InputConfig input)
    {
        json.WriteString("name", input.Name);
        json.WriteString("data_type", input.DataType.ConfigName());
        json.WriteString("format", $"FORMAT_{input.Format.ToString().ToUpperInvariant()}");
        WriteNumbers(json, "dims", input.Dims);
        WriteReshape(json, input);
        json.WriteBoolean("is_shape_tensor", false);
        json.WriteBoolean("allow_ragged_batch", false);
        json.WriteBoolean("optional", false);
        json.WriteBoolean("is_non_linear_format_io", false);
    }

    private static void WriteOutput(Utf8JsonWriter json, OutputConfig output)
    {
        json.WriteString("name", output.Name);
        json.WriteString("data_type", output.DataType.ConfigName());
        WriteNumbers(json, "dims", output.Dims);
        WriteReshape(json, output);
        json.WriteString("label_filename", output.LabelFilename);
        json.WriteBoolean("is_shape_tensor", false);
        json.WriteBoolean("is_non_linear_format_io", false);
    }

    private static void WriteReshape(Utf8JsonWriter json, TensorConfig tensor)
    {
        if (tensor.Reshape is not { } reshape) return;
        json.WriteStartObject("reshape");
        WriteNumbers(json, "shape", reshape);
        json.WriteEndObject();
    }

    private static void WriteDynamicBatching(Utf8JsonWriter json, DynamicBatching batching)
    {
        json.WriteStartObject("dynamic_batching");
        WriteNumbers(json, "preferred_batch_size", batching.PreferredBatchSizes.Select(s => (long)s));
        json.WriteNumber("max_queue_delay_microseconds", Microseconds(batching.MaxQueueDelay));
        json.WriteBoolean("preserve_ordering", batching.PreserveOrdering);
        json.WriteNumber("priority_levels", batching.PriorityLevels);
        json.WriteNumber("default_priority_level", batching.DefaultPriorityLevel);
        if (batching.DefaultQueuePolicy != new QueuePolicy()) WriteQueuePolicy(json, "default_queue_policy", batching.DefaultQueuePolicy);
        json.WriteStartObject("priority_queue_policy");
        foreach ((int level, QueuePolicy policy) in batching.PriorityQueuePolicies) WriteQueuePolicy(json, level.ToString(CultureInfo.InvariantCulture), policy);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteQueuePolicy(Utf8JsonWriter json, string name, QueuePolicy policy)
    {
        json.WriteStartObject(name);
        json.WriteString("timeout_action", policy.TimeoutAction.ToString().ToUpperInvariant());
        json.WriteNumber("default_timeout_microseconds", Microseconds(policy.DefaultTimeout));
        json.WriteBoolean("allow_timeout_override", policy.AllowTimeoutOverride);
        json.WriteNumber("max_queue_size", policy.MaxQueueSize);
        json.WriteEndObject();
    }

    private static void WriteInstanceGroup(Utf8JsonWriter json, InstanceGroup group)
    {
        json.WriteString("name", group.Name);
        json.WriteString("kind", $"KIND_{group.Kind.ToString().ToUpperInvariant()}");
        json.WriteNumber("count", group.Count);
        WriteNumbers(json, "gpus", group.Gpus.Select(g => (long)g));
        if (group.RateLimiter is { } limiter)
        {
            json.WriteStartObject("rate_limiter");
            WriteArray(json, "resources", limiter.Resources, WriteResource);
            json.WriteNumber("priority", limiter.Priority);
            json.WriteEndObject();
        }

        WriteEmptyArrays(json, "secondary_devices", "profile");
        json.WriteBoolean("passive", false);
        json.WriteString("host_policy", "");
    }

    private static void WriteResource(Utf8JsonWriter json, NeededResource resource)
    {
        json.WriteString("name", resource.Name);
        json.WriteBoolean("global", resource.IsGlobal);
        json.WriteNumber("count", resource.Count);
    }

    private static void WriteWarmup(Utf8JsonWriter json, ModelWarmup warmup)
    {
        json.WriteString("name", warmup.Name);
        json.WriteNumber("batch_size", warmup.BatchSize);
        json.WriteStartObject("inputs");
        foreach ((string name, WarmupInput input) in warmup.Inputs)
        {
            json.WriteStartObject(name);
            json.WriteString("data_type", input.DataType.ConfigName());
            WriteNumbers(json, "dims", input.Dims);
            if (input.Source == WarmupSource.File) json.WriteString("input_data_file", input.DataFile);
            else json.WriteBoolean(input.Source == WarmupSource.Zero ? "zero_data" : "random_data", true);
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteNumber("count", warmup.Count);
    }

    private static long Microseconds(TimeSpan time) => time.Ticks / TimeSpan.TicksPerMicrosecond;
}
