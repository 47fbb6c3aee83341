using Gateway.Core.Caching;
using Gateway.Core.Models.Configuration.Reading;

namespace Gateway.Core.Models.Configuration;

/// <summary>What a model may ask of this server that Triton's configuration has no word for: <c>gateway.json</c> beside <c>config.pbtxt</c>.</summary>
public sealed record GatewayModelConfig
{
    private static readonly MessageSchema Schema = new(
        "gateway.json",
        ModelConfigSchema.Int32("allowed_batch_sizes").Many(),
        ModelConfigSchema.Int32("max_queue_requests"),
        ModelConfigSchema.Int64("max_queue_bytes"),
        ModelConfigSchema.Bool("bisect_failed_batches"),
        ModelConfigSchema.Double("slo_ms"),
        ModelConfigSchema.Message("cache", new MessageSchema("cache", ModelConfigSchema.Bool("enable"), ModelConfigSchema.Double("ttl_seconds"), ModelConfigSchema.Int64("max_bytes"), ModelConfigSchema.Text("warm_up"), ModelConfigSchema.Bool("affinity"))));

    private const double MostMilliseconds = 24 * 60 * 60 * 1000;
    private const double MostSeconds = 366 * 24 * 60 * 60;

    /// <summary>The only batch sizes the model runs with, in rows, ascending, the last being the maximum batch size; a batch between two is padded. Empty allows every size.</summary>
    public IReadOnlyList<int> AllowedBatchSizes { get; init; } = [];

    /// <summary>The most requests that may wait for this model, at least 1; null is the server's own bound (4,096).</summary>
    public int? MaxQueueRequests { get; init; }

    /// <summary>The most bytes of inputs that may wait for this model, at least 1; null sets no limit of the model's own.</summary>
    public long? MaxQueueBytes { get; init; }

    /// <summary>Whether a failed batch is split and retried, so that only the request at fault gets the error.</summary>
    public bool BisectFailedBatches { get; init; } = true;

    /// <summary>
    /// The model's objective: how long after its arrival a request that names no time of its own is to be answered, above 0; what cannot be is refused at once. Null for no such time.
    /// </summary>
    public TimeSpan? Objective { get; init; }

    /// <summary>How its answers are kept.</summary>
    public ModelCacheConfig Cache { get; init; } = new();

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
            AllowedBatchSizes = [.. message.All<long>("allowed_batch_sizes").Select(s => (int)s)],
            MaxQueueRequests = message.Has("max_queue_requests") ? (int)message.Int("max_queue_requests") : null,
            MaxQueueBytes = message.Has("max_queue_bytes") ? message.Int("max_queue_bytes") : null,
            BisectFailedBatches = !message.Has("bisect_failed_batches") || message.Bool("bisect_failed_batches"),
            Objective = message.Has("slo_ms") ? Milliseconds(message.Double("slo_ms")) : null,
            Cache = BindCache(message.Message("cache")),
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
            errors.Add("allowed_batch_sizes", $"'allowed_batch_sizes' needs a batch dimension, and model '{config.Name}' has none (max_batch_size is 0)");
        }
        else if (AllowedBatchSizes.Count > 0 && AllowedBatchSizes[^1] != config.MaxBatchSize)
        {
            errors.Add("allowed_batch_sizes", $"the last of 'allowed_batch_sizes' must be max_batch_size, which is {config.MaxBatchSize} for model '{config.Name}', got {AllowedBatchSizes[^1]}");
        }

        errors.ThrowIfAny();
    }

    private void Check(ConfigErrors errors)
    {
        for (int i = 0; i < AllowedBatchSizes.Count; i++)
        {
            long least = i == 0 ? 1 : AllowedBatchSizes[i - 1] + 1L;
            if (AllowedBatchSizes[i] < least) errors.Add($"allowed_batch_sizes[{i}]", $"batch sizes must be positive and ascending: expected at least {least}, got {AllowedBatchSizes[i]}");
        }

        if (MaxQueueRequests < 1) errors.Add("max_queue_requests", $"'max_queue_requests' must be at least 1, got {MaxQueueRequests}");
        if (MaxQueueBytes < 1) errors.Add("max_queue_bytes", $"'max_queue_bytes' must be at least 1, got {MaxQueueBytes}");
        if (Objective <= TimeSpan.Zero) errors.Add("slo_ms", "'slo_ms' must be more than 0 and at most a day");
        if (Cache.TimeToLive <= TimeSpan.Zero) errors.Add("cache.ttl_seconds", "'ttl_seconds' must be more than 0 and at most a year");
        if (Cache.WarmUp is { } list && (list.Length == 0 || Path.IsPathRooted(list) || list.Split('/', '\\').Contains("..")))
        {
            errors.Add("cache.warm_up", $"'warm_up' must be a file in the model's folder, got '{list}'");
        }

        if (Cache.MaxBytes < 1) errors.Add("cache.max_bytes", $"'max_bytes' must be at least 1, got {Cache.MaxBytes}");
        errors.ThrowIfAny();
    }

    private static ModelCacheConfig BindCache(ConfigMessage? cache) => cache is null ? new() : new()
    {
        Enable = cache.Has("enable") ? cache.Bool("enable") : null,
        TimeToLive = cache.Has("ttl_seconds") ? Seconds(cache.Double("ttl_seconds")) : null,
        MaxBytes = cache.Has("max_bytes") ? cache.Int("max_bytes") : null,
        WarmUp = cache.Has("warm_up") ? cache.Text("warm_up") : null,
        Affinity = cache.Has("affinity") && cache.Bool("affinity"),
    };

    /// <returns>Zero for what is no time.</returns>
    private static TimeSpan Seconds(double value) => value > 0 && value <= MostSeconds ? TimeSpan.FromSeconds(value) : TimeSpan.Zero;

    /// <returns>Zero for what is no time.</returns>
    private static TimeSpan Milliseconds(double value) => value > 0 && value <= MostMilliseconds ? TimeSpan.FromMilliseconds(value) : TimeSpan.Zero;
}
