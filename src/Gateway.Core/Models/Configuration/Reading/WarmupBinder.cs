using Gateway.Protocol.Tensors;

namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>Reads the <c>model_warmup</c> part of a configuration.</summary>
internal static class WarmupBinder
{
    public static ModelWarmup Bind(ConfigMessage warmup, string prefix, ConfigErrors errors)
    {
        Dictionary<string, WarmupInput> inputs = new(StringComparer.Ordinal);
        foreach ((object key, ConfigMessage value) in warmup.MessageMap("inputs"))
        {
            inputs.Add((string)key, BindInput((string)key, value, ConfigSource.Entry(prefix + "inputs", key), errors));
        }

        // Triton's count of 0 means once.
        int count = BinderScalars.Count(warmup, "count", prefix, int.MaxValue, errors);
        return new ModelWarmup
        {
            Name = warmup.Text("name"),
            BatchSize = BinderScalars.Count(warmup, "batch_size", prefix, int.MaxValue, errors),
            Count = Math.Max(count, 1),
            Inputs = inputs,
        };
    }

    private static WarmupInput BindInput(string name, ConfigMessage input, string path, ConfigErrors errors)
    {
        bool isFile = input.Has("input_data_file");

        // As in Triton, what counts is that zero_data or random_data is written, not its value.
        bool isGiven = isFile || input.Has("zero_data") || input.Has("random_data");
        if (!isGiven) errors.Add(path, $"warm-up input '{name}' must have one of zero_data, random_data and input_data_file");
        WarmupSource source = isFile ? WarmupSource.File : input.Has("random_data") ? WarmupSource.Random : WarmupSource.Zero;
        return new WarmupInput((DataType)input.Int("data_type"), input.All<long>("dims"), source, input.Text("input_data_file"));
    }
}
