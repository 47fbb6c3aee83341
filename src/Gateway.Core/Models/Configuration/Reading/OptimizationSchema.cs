using static Gateway.Core.Models.Configuration.Reading.ModelConfigSchema;

namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>The <c>ModelOptimizationPolicy</c> part of <c>model_config.proto</c>.</summary>
internal static class OptimizationSchema
{
    private const string Prefix = "ModelOptimizationPolicy";

    private static readonly FieldSchema GraphInput =
        Map("input", Text("key"), Message("value", new MessageSchema($"{Prefix}.Cuda.GraphSpec.Shape", Int64("dim").Many())));

    private static readonly MessageSchema Cuda = new(
        $"{Prefix}.Cuda",
        Bool("graphs"),
        Bool("busy_wait_events"),
        Message("graph_spec", new MessageSchema(
            $"{Prefix}.Cuda.GraphSpec",
            Int32("batch_size"),
            GraphInput,
            Message("graph_lower_bound", new MessageSchema($"{Prefix}.Cuda.GraphSpec.LowerBound", Int32("batch_size"), GraphInput)))).Many(),
        Bool("output_copy_stream"));

    private static readonly MessageSchema Accelerator = new($"{Prefix}.ExecutionAccelerators.Accelerator", Text("name"), TextMap("parameters"));

    private static readonly MessageSchema PinnedMemory = new($"{Prefix}.PinnedMemoryBuffer", Bool("enable"));

    public static MessageSchema Optimization { get; } = new(
        Prefix,
        Message("graph", new MessageSchema($"{Prefix}.Graph", Int32("level"))),
        Enum("priority", new EnumSchema($"{Prefix}.ModelPriority", ("PRIORITY_DEFAULT", 0), ("PRIORITY_MAX", 1), ("PRIORITY_MIN", 2))),
        Message("cuda", Cuda),
        Message("execution_accelerators", new MessageSchema(
            $"{Prefix}.ExecutionAccelerators",
            Message("gpu_execution_accelerator", Accelerator).Many(),
            Message("cpu_execution_accelerator", Accelerator).Many())),
        Message("input_pinned_memory", PinnedMemory),
        Message("output_pinned_memory", PinnedMemory),
        UInt32("gather_kernel_buffer_threshold"),
        Bool("eager_batching"));
}
