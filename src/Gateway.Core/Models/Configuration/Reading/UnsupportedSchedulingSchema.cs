using static Gateway.Core.Models.Configuration.Reading.ModelConfigSchema;

namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>The parts of <c>model_config.proto</c> that describe sequence batching and ensembles: known, so that they are refused by name and not as noise.</summary>
internal static class UnsupportedSchedulingSchema
{
    public static MessageSchema Ensembling { get; } = new(
        "ModelEnsembling",
        Message("step", new MessageSchema(
            "ModelEnsembling.Step",
            Text("model_name"),
            Int64("model_version"),
            TextMap("input_map"),
            TextMap("output_map"),
            Text("model_namespace"))).Many(),
        UInt32("max_inflight_requests"));

    public static MessageSchema SequenceBatching(EnumSchema dataType) => new(
        "ModelSequenceBatching",
        Message("direct", new MessageSchema(
            "ModelSequenceBatching.StrategyDirect",
            UInt64("max_queue_delay_microseconds"),
            new FieldSchema("minimum_slot_utilization", FieldKind.Float))).In("strategy_choice"),
        Message("oldest", new MessageSchema(
            "ModelSequenceBatching.StrategyOldest",
            Int32("max_candidate_sequences"),
            Int32("preferred_batch_size").Many(),
            UInt64("max_queue_delay_microseconds"),
            Bool("preserve_ordering"))).In("strategy_choice"),
        UInt64("max_sequence_idle_microseconds"),
        Message("control_input", ControlInput(dataType)).Many(),
        Message("state", State(dataType)).Many(),
        Bool("iterative_sequence"));

    private static MessageSchema ControlInput(EnumSchema dataType) => new(
        "ModelSequenceBatching.ControlInput",
        Text("name"),
        Message("control", new MessageSchema(
            "ModelSequenceBatching.Control",
            Enum("kind", new EnumSchema(
                "ModelSequenceBatching.Control.Kind",
                ("CONTROL_SEQUENCE_START", 0), ("CONTROL_SEQUENCE_READY", 1), ("CONTROL_SEQUENCE_END", 2), ("CONTROL_SEQUENCE_CORRID", 3))),
            Int32("int32_false_true").Many(),
            new FieldSchema("fp32_false_true", FieldKind.Float).Many(),
            Bool("bool_false_true").Many(),
            Enum("data_type", dataType))).Many());

    private static MessageSchema State(EnumSchema dataType) => new(
        "ModelSequenceBatching.State",
        Text("input_name"),
        Text("output_name"),
        Enum("data_type", dataType),
        Int64("dims").Many(),
        Message("initial_state", new MessageSchema(
            "ModelSequenceBatching.InitialState",
            Enum("data_type", dataType),
            Int64("dims").Many(),
            Bool("zero_data").In("state_data"),
            Text("data_file").In("state_data"),
            Text("name"))).Many(),
        Bool("use_same_buffer_for_input_output"),
        Bool("use_growable_memory"));
}
