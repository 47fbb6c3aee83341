using System.Collections.Frozen;

namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>ONNX Runtime's session entries that a configuration may set, as parameters of their names.</summary>
/// <remarks>
/// A list of what is let through, since the others read or write files wherever they are told to (<c>session.model_external_initializers_file_folder_path</c> has a model
/// take any file for its weights), depend on memory that the session does not own, or do nothing that anybody would notice. Names from
/// onnxruntime_session_options_config_keys.h.
/// </remarks>
internal static class SessionEntries
{
    private static readonly FrozenSet<string> Known = new[]
    {
        "optimization.disable_specified_optimizers",
        "optimization.enable_cast_chain_elimination",
        "optimization.enable_gelu_approximation",
        "optimization.minimal_build_optimizations",
        "session.allow_released_opsets_only",
        "session.disable_aot_function_inlining",
        "session.disable_cpu_ep_fallback",
        "session.disable_double_qdq_remover",
        "session.disable_prepacking",
        "session.disable_qdq_constant_folding",
        "session.disable_quant_qdq",
        "session.dynamic_block_base",
        "session.enable_dq_matmulnbits_fusion",
        "session.enable_quant_qdq_cleanup",
        "session.force_spinning_stop",
        "session.graph_optimizations_loop_level",
        "session.inter_op.allow_spinning",
        "session.inter_op.spin_backoff_max",
        "session.inter_op.spin_duration_us",
        "session.intra_op.allow_spinning",
        "session.intra_op.spin_backoff_max",
        "session.intra_op.spin_duration_us",
        "session.intra_op_thread_affinities",
        "session.qdq_matmulnbits_accuracy_level",
        "session.qdq_matmulnbits_block_size",
        "session.qdqisint8allowed",
        "session.set_denormal_as_zero",
        "session.strict_shape_type_inference",
        "session.use_device_allocator_for_initializers",
        "session.use_env_allocators",
        "session.x64quantprecision",
    }.ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Whether a parameter is meant for ONNX Runtime's sessions.</summary>
    public static bool IsEntry(string key) => key.StartsWith("session.", StringComparison.Ordinal) || key.StartsWith("optimization.", StringComparison.Ordinal);

    /// <returns>What is wrong with an entry; null for one that may be set.</returns>
    public static string? Problem(string key)
    {
        if (Known.Contains(key)) return null;
        string suggestion = Suggestion.Closest(key, Known) is { } closest ? $": did you mean '{closest}'?" : ": only entries that have to do with no files or foreign memory are";
        return $"parameter '{Suggestion.Shorten(key)}' is not supported{suggestion}";
    }
}
