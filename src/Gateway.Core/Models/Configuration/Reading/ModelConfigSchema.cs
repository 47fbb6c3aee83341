namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>The messages of Triton's <c>model_config.proto</c>, all of them, as of its release of July 2026.</summary>
/// <remarks>Everything Triton knows stands here, supported or not, so that a refusal can name what it refuses.</remarks>
internal static class ModelConfigSchema
{
    private static readonly EnumSchema DataTypeEnum = new(
        "DataType",
        ("TYPE_INVALID", 0), ("TYPE_BOOL", 1), ("TYPE_UINT8", 2), ("TYPE_UINT16", 3), ("TYPE_UINT32", 4), ("TYPE_UINT64", 5), ("TYPE_INT8", 6),
        ("TYPE_INT16", 7), ("TYPE_INT32", 8), ("TYPE_INT64", 9), ("TYPE_FP16", 10), ("TYPE_FP32", 11), ("TYPE_FP64", 12), ("TYPE_STRING", 13), ("TYPE_BF16", 14));

    private static readonly MessageSchema Reshape = new("ModelTensorReshape", Int64("shape").Many());

    private static readonly MessageSchema Input = new(
        "ModelInput",
        Text("name"),
        Enum("data_type", DataTypeEnum),
        Enum("format", new EnumSchema("ModelInput.Format", ("FORMAT_NONE", 0), ("FORMAT_NHWC", 1), ("FORMAT_NCHW", 2))),
        Int64("dims").Many(),
        Message("reshape", Reshape),
        Bool("is_shape_tensor"),
        Bool("allow_ragged_batch"),
        Bool("optional"),
        Bool("is_non_linear_format_io"));

    private static readonly MessageSchema Output = new(
        "ModelOutput",
        Text("name"),
        Enum("data_type", DataTypeEnum),
        Int64("dims").Many(),
        Message("reshape", Reshape),
        Text("label_filename"),
        Bool("is_shape_tensor"),
        Bool("is_non_linear_format_io"));

    private static readonly MessageSchema BatchInput = new(
        "BatchInput",
        Enum("kind", new EnumSchema(
            "BatchInput.Kind",
            ("BATCH_ELEMENT_COUNT", 0), ("BATCH_ACCUMULATED_ELEMENT_COUNT", 1), ("BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO", 2),
            ("BATCH_MAX_ELEMENT_COUNT_AS_SHAPE", 3), ("BATCH_ITEM_SHAPE", 4), ("BATCH_ITEM_SHAPE_FLATTEN", 5))),
        Text("target_name").Many(),
        Enum("data_type", DataTypeEnum),
        Text("source_input").Many());

    private static readonly MessageSchema BatchOutput = new(
        "BatchOutput",
        Text("target_name").Many(),
        Enum("kind", new EnumSchema("BatchOutput.Kind", ("BATCH_SCATTER_WITH_INPUT_SHAPE", 0))),
        Text("source_input").Many());

    private static readonly MessageSchema VersionPolicy = new(
        "ModelVersionPolicy",
        Message("latest", new MessageSchema("ModelVersionPolicy.Latest", UInt32("num_versions"))).In("policy_choice"),
        Message("all", new MessageSchema("ModelVersionPolicy.All")).In("policy_choice"),
        Message("specific", new MessageSchema("ModelVersionPolicy.Specific", Int64("versions").Many())).In("policy_choice"));

    private static readonly MessageSchema RateLimiter = new(
        "ModelRateLimiter",
        Message("resources", new MessageSchema("ModelRateLimiter.Resource", Text("name"), Bool("global"), UInt32("count"))).Many(),
        UInt32("priority"));

    private static readonly MessageSchema InstanceGroup = new(
        "ModelInstanceGroup",
        Text("name"),
        Enum("kind", new EnumSchema("ModelInstanceGroup.Kind", ("KIND_AUTO", 0), ("KIND_GPU", 1), ("KIND_CPU", 2), ("KIND_MODEL", 3))),
        Int32("count"),
        Message("rate_limiter", RateLimiter),
        Int32("gpus").Many(),
        Message("secondary_devices", new MessageSchema(
            "ModelInstanceGroup.SecondaryDevice",
            Enum("kind", new EnumSchema("ModelInstanceGroup.SecondaryDevice.SecondaryDeviceKind", ("KIND_NVDLA", 0))),
            Int64("device_id"))).Many(),
        Text("profile").Many(),
        Bool("passive"),
        Text("host_policy"));

    private static readonly MessageSchema QueuePolicy = new(
        "ModelQueuePolicy",
        Enum("timeout_action", new EnumSchema("ModelQueuePolicy.TimeoutAction", ("REJECT", 0), ("DELAY", 1))),
        UInt64("default_timeout_microseconds"),
        Bool("allow_timeout_override"),
        UInt32("max_queue_size"));

    private static readonly MessageSchema DynamicBatching = new(
        "ModelDynamicBatching",
        Int32("preferred_batch_size").Many(),
        UInt64("max_queue_delay_microseconds"),
        Bool("preserve_ordering"),
        UInt64("priority_levels"),
        UInt64("default_priority_level"),
        Message("default_queue_policy", QueuePolicy),
        Map("priority_queue_policy", UInt64("key"), Message("value", QueuePolicy)));

    private static readonly MessageSchema Warmup = new(
        "ModelWarmup",
        Text("name"),
        UInt32("batch_size"),
        Map("inputs", Text("key"), Message("value", new MessageSchema(
            "ModelWarmup.Input",
            Enum("data_type", DataTypeEnum),
            Int64("dims").Many(),
            Bool("zero_data").In("input_data_type"),
            Bool("random_data").In("input_data_type"),
            Text("input_data_file").In("input_data_type")))),
        UInt32("count"));

    private static readonly MessageSchema Metrics = new("ModelMetrics", Message("metric_control", new MessageSchema(
        "ModelMetrics.MetricControl",
        Message("metric_identifier", new MessageSchema("ModelMetrics.MetricControl.MetricIdentifier", Text("family"))),
        Message("histogram_options", new MessageSchema(
            "ModelMetrics.MetricControl.HistogramOptions",
            new FieldSchema("buckets", FieldKind.Double).Many())).In("metric_options"))).Many());

    private static readonly MessageSchema RepositoryAgents = new("ModelRepositoryAgents", Message("agents", new MessageSchema(
        "ModelRepositoryAgents.Agent", Text("name"), TextMap("parameters"))).Many());

    /// <summary>The whole configuration of a model.</summary>
    public static MessageSchema ModelConfig { get; } = new(
        "ModelConfig",
        Text("name"),
        Text("platform"),
        Text("backend"),
        Text("runtime"),
        Message("version_policy", VersionPolicy),
        Int32("max_batch_size"),
        Message("input", Input).Many(),
        Message("output", Output).Many(),
        Message("batch_input", BatchInput).Many(),
        Message("batch_output", BatchOutput).Many(),
        Message("optimization", OptimizationSchema.Optimization),
        Message("dynamic_batching", DynamicBatching).In("scheduling_choice"),
        Message("sequence_batching", UnsupportedSchedulingSchema.SequenceBatching(DataTypeEnum)).In("scheduling_choice"),
        Message("ensemble_scheduling", UnsupportedSchedulingSchema.Ensembling).In("scheduling_choice"),
        Message("instance_group", InstanceGroup).Many(),
        Text("default_model_filename"),
        TextMap("cc_model_filenames"),
        TextMap("metric_tags"),
        Map("parameters", Text("key"), Message("value", new MessageSchema("ModelParameter", Text("string_value")))),
        Message("model_warmup", Warmup).Many(),
        Message("model_operations", new MessageSchema("ModelOperations", Text("op_library_filename").Many())),
        Message("model_transaction_policy", new MessageSchema("ModelTransactionPolicy", Bool("decoupled"))),
        Message("model_repository_agents", RepositoryAgents),
        Message("response_cache", new MessageSchema("ModelResponseCache", Bool("enable"))),
        Message("model_metrics", Metrics));

    internal static FieldSchema Bool(string name) => new(name, FieldKind.Bool);

    internal static FieldSchema Int32(string name) => new(name, FieldKind.Int32);

    internal static FieldSchema Int64(string name) => new(name, FieldKind.Int64);

    internal static FieldSchema UInt32(string name) => new(name, FieldKind.UInt32);

    internal static FieldSchema UInt64(string name) => new(name, FieldKind.UInt64);

    internal static FieldSchema Double(string name) => new(name, FieldKind.Double);

    internal static FieldSchema Text(string name) => new(name, FieldKind.String);

    internal static FieldSchema Enum(string name, EnumSchema values) => new(name, FieldKind.Enum) { Enum = values };

    internal static FieldSchema Message(string name, MessageSchema message) => new(name, FieldKind.Message) { Message = message };

    internal static FieldSchema Map(string name, FieldSchema key, FieldSchema value) =>
        Message(name, new MessageSchema($"an entry of '{name}'", key, value)) with { IsRepeated = true, IsMap = true };

    internal static FieldSchema TextMap(string name) => Map(name, Text("key"), Text("value"));
}
