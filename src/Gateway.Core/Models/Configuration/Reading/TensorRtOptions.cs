using System.Collections.Frozen;

namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>The parameters Triton's TensorRT accelerator takes, with ONNX Runtime's names and the type each value must have.</summary>
/// <remarks>From the parameter table of Triton's ONNX Runtime backend.</remarks>
internal static class TensorRtOptions
{
    private enum ValueType
    {
        Bool,
        Int,
        UInt64,
        Text,
    }

    /// <summary>Parameters whose ONNX Runtime name differs; all others keep theirs.</summary>
    private static readonly FrozenDictionary<string, string> Renamed = new Dictionary<string, string>
    {
        ["max_workspace_size_bytes"] = "trt_max_workspace_size",
        ["int8_calibration_table_name"] = "trt_int8_calibration_table_name",
        ["int8_use_native_calibration_table"] = "trt_int8_use_native_calibration_table",
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<string, string?> PrecisionModes = new Dictionary<string, string?>
    {
        ["FP32"] = null,
        ["FP16"] = "trt_fp16_enable",
        ["BF16"] = "trt_bf16_enable",
        ["INT8"] = "trt_int8_enable",
    }.ToFrozenDictionary();

    /// <summary>Those that have TensorRT read, write or load files, wherever they are told to or beside the process.</summary>
    private static readonly FrozenSet<string> OfFiles = new[]
    {
        "int8_calibration_table_name", "int8_use_native_calibration_table", "trt_engine_cache_enable", "trt_engine_cache_path", "trt_engine_cache_prefix", "trt_timing_cache_enable",
        "trt_timing_cache_path", "trt_dump_subgraphs", "trt_extra_plugin_lib_paths", "trt_dump_ep_context_model", "trt_ep_context_file_path",
    }.ToFrozenSet();

    private static readonly FrozenDictionary<string, ValueType> Types = Table().ToFrozenDictionary();

    /// <summary>Whether a parameter has to do with files.</summary>
    public static bool IsOfFiles(string key) => OfFiles.Contains(key);

    /// <summary>Adds one parameter to <paramref name="options"/>; the result says what is wrong with it, or is null.</summary>
    public static string? Translate(string key, string value, Dictionary<string, string> options)
    {
        if (key == "precision_mode")
        {
            if (!PrecisionModes.TryGetValue(value, out string? option)) return $"unsupported precision mode '{value}' is requested (FP32, FP16, BF16 or INT8)";
            if (option is not null) options[option] = "1";
            return null;
        }

        if (!Types.TryGetValue(key, out ValueType type))
        {
            string suggestion = Suggestion.Closest(key, Types.Keys) is { } closest ? $": did you mean '{closest}'?" : "";
            return $"unknown parameter '{Suggestion.Shorten(key)}' is provided for TensorRT Execution Accelerator{suggestion}";
        }

        string? problem = type switch
        {
            ValueType.Bool when ParameterValue.Bool(value) is null => ParameterValue.NotBool(key, value),
            ValueType.Int when ParameterValue.Int(value) is null => ParameterValue.NotInt(key, value),
            ValueType.UInt64 when !ulong.TryParse(value, out _) => ParameterValue.NotInt(key, value),
            _ => null,
        };
        if (problem is null) options[Renamed.GetValueOrDefault(key, key)] = value;
        return problem;
    }

    private static Dictionary<string, ValueType> Table()
    {
        Dictionary<string, ValueType> types = new() { ["max_workspace_size_bytes"] = ValueType.UInt64 };
        Add(ValueType.Int,
            "trt_max_partition_iterations", "trt_min_subgraph_size", "trt_dla_core", "trt_builder_optimization_level", "trt_auxiliary_streams",
            "trt_ep_context_embed_mode");
        Add(ValueType.Bool,
            "int8_use_native_calibration_table", "trt_dla_enable", "trt_engine_cache_enable", "trt_dump_subgraphs", "trt_force_sequential_engine_build",
            "trt_context_memory_sharing_enable", "trt_layer_norm_fp32_fallback", "trt_timing_cache_enable", "trt_force_timing_cache",
            "trt_detailed_build_log", "trt_build_heuristics_enable", "trt_sparsity_enable", "trt_cuda_graph_enable", "trt_dump_ep_context_model");
        Add(ValueType.Text,
            "int8_calibration_table_name", "trt_engine_cache_path", "trt_engine_cache_prefix", "trt_timing_cache_path", "trt_tactic_sources",
            "trt_extra_plugin_lib_paths", "trt_profile_min_shapes", "trt_profile_max_shapes", "trt_profile_opt_shapes", "trt_ep_context_file_path");
        return types;

        void Add(ValueType type, params string[] keys)
        {
            foreach (string key in keys) types.Add(key, type);
        }
    }
}
