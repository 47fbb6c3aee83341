using Gateway.Core.Models.Configuration.Reading;

namespace Gateway.Core.Models.Configuration;

/// <summary>What a model may ask of this server that Triton's configuration has no word for: <c>gateway.json</c> beside <c>config.pbtxt</c>.</summary>
public sealed record GatewayModelConfig
{
    private static readonly MessageSchema Schema = new(
        "gateway.json",
        ModelConfigSchema.Int32("allowedBatchSizes").Many(),
        ModelConfigSchema.Int32("maxQueueRequests"),
        ModelConfigSchema.Int64("maxQueueBytes"),
        ModelConfigSchema.Bool("bisectFailedBatches"));

    /// <summary>The only batch sizes the model runs with, in rows, ascending, the last being the maximum batch size; a batch between two is padded. Empty allows every size.</summary>
    public IReadOnlyList<int> AllowedBatchSizes { get; init; } = [];

    /// <summary>The most requests that may wait for this model, at least 1; null is the server's own bound (4,096).</summary>
    public int? MaxQueueRequests { get; init; }

    /// <summary>The most bytes of inputs that may wait for this model, at least 1; null sets no limit of the model's own.</summary>
    public long? MaxQueueBytes { get; init; }

    /// <summary>Whether a failed batch is split and retried, so that only the request at fault gets the error.</summary>
    public bool BisectFailedBatches { get; init; } = true;

    /// <summary>Where each setting stands in the text it was read from, for later errors.</summary>
    internal ConfigSource? Source { get; init; }

    /// <summary>Reads <c>gateway.json</c>; members it does not know are refused.</summary>
    /// <param name="utf8">The JSON.</param>
    /// <param name="source">What errors call it.</param>
    /// <exception cref="ModelConfigException">The settings cannot be used.</exception>
    public static GatewayModelConfig Read(ReadOnlySpan<byte> utf8, string source)
    {
        ConfigMessage message = JsonFormatReader.Read(ModelConfigReader.CheckedText(utf8, source), source, Schema);
        ConfigSource positions = new(source, "$", message);
        GatewayModelConfig config = new()
        {
            AllowedBatchSizes = [.. message.All<long>("allowedBatchSizes").Select(s => (int)s)],
            MaxQueueRequests = message.Has("maxQueueRequests") ? (int)message.Int("maxQueueRequests") : null,
            MaxQueueBytes = message.Has("maxQueueBytes") ? message.Int("maxQueueBytes") : null,
            BisectFailedBatches = !message.Has("bisectFailedBatches") || message.Bool("bisectFailedBatches"),
            Source = positions,
        };
        config.Check(new ConfigErrors(positions, source));
        return config;
    }

    /// <summary>Checks that these settings suit a completed configuration.</summary>
    /// <exception cref="ModelConfigException">They do not.</exception>
    public void CheckAgainst(ModelConfig config)
    {
        ConfigErrors errors = new(Source, "gateway.json");
        if (AllowedBatchSizes.Count > 0 && config.MaxBatchSize == 0)
        {
            errors.Add("allowedBatchSizes", $"'allowedBatchSizes' needs a batch dimension, and model '{config.Name}' has none (max_batch_size is 0)");
        }
        else if (AllowedBatchSizes.Count > 0 && AllowedBatchSizes[^1] != config.MaxBatchSize)
        {
            errors.Add("allowedBatchSizes", $"the last of 'allowedBatchSizes' must be max_batch_size, which is {config.MaxBatchSize} for model '{config.Name}', got {AllowedBatchSizes[^1]}");
        }

        errors.ThrowIfAny();
    }

    private void Check(ConfigErrors errors)
    {
        for (int i = 0; i < AllowedBatchSizes.Count; i++)
        {
            long least = i == 0 ? 1 : AllowedBatchSizes[i - 1] + 1L;
            if (AllowedBatchSizes[i] < least) errors.Add($"allowedBatchSizes[{i}]", $"batch sizes must be positive and ascending: expected at least {least}, got {AllowedBatchSizes[i]}");
        }

        if (MaxQueueRequests < 1) errors.Add("maxQueueRequests", $"'maxQueueRequests' must be at least 1, got {MaxQueueRequests}");
        if (MaxQueueBytes < 1) errors.Add("maxQueueBytes", $"'maxQueueBytes' must be at least 1, got {MaxQueueBytes}");
        errors.ThrowIfAny();
    }
}
