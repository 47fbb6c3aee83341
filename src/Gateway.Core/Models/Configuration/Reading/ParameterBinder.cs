using System.Globalization;

namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>Finds, among a model's parameters, those that Triton or its ONNX Runtime backend gives a meaning; all others are the model's own.</summary>
internal sealed class ParameterBinder
{
    private readonly IReadOnlyDictionary<string, string> _parameters;
    private readonly ConfigErrors _errors;

    private ParameterBinder(IReadOnlyDictionary<string, string> parameters, ConfigErrors errors)
    {
        _parameters = parameters;
        _errors = errors;
    }

    public static OnnxRuntimeParameters Bind(IReadOnlyDictionary<string, string> parameters, ConfigErrors errors)
    {
        ParameterBinder binder = new(parameters, errors);
        if (parameters.ContainsKey("TRITON_BATCH_STRATEGY_PATH"))
        {
            binder.Report("TRITON_BATCH_STRATEGY_PATH", "parameter 'TRITON_BATCH_STRATEGY_PATH' is not supported yet: libraries of custom batching are not loaded");
        }

        return new OnnxRuntimeParameters
        {
            IntraOpThreadCount = binder.Threads("intra_op_thread_count"),
            InterOpThreadCount = binder.Threads("inter_op_thread_count"),
            IsParallelExecution = binder.Choice("execution_mode", "0", "1") == "1",
            EnableMemoryArena = binder.Flag("enable_mem_arena"),
            EnableMemoryPattern = binder.Flag("enable_mem_pattern"),
            MemoryArenaShrinkage = parameters.GetValueOrDefault("memory.enable_memory_arena_shrinkage"),
            SessionConfigEntries = binder.Entries(),
            CudaProviderOptions = binder.CudaOptions(),
        };
    }

    private Dictionary<string, string> Entries()
    {
        Dictionary<string, string> entries = new(StringComparer.Ordinal);
        foreach ((string key, string value) in _parameters.Where(each => SessionEntries.IsEntry(each.Key)))
        {
            if (SessionEntries.Problem(key) is { } problem) Report(key, problem);
            else entries.Add(key, value);
        }

        return entries;
    }

    /// <summary>The older way to set the CUDA provider: numbers at top level for what the provider calls by name.</summary>
    private Dictionary<string, string> CudaOptions()
    {
        Dictionary<string, string> options = new(StringComparer.Ordinal);
        Add("cudnn_conv_algo_search", Choice("cudnn_conv_algo_search", "0", "1", "2") switch { null => null, "0" => "EXHAUSTIVE", "1" => "HEURISTIC", _ => "DEFAULT" });
        Add("arena_extend_strategy", Choice("arena_extend_strategy", "0", "1") switch { null => null, "0" => "kNextPowerOfTwo", _ => "kSameAsRequested" });
        Add("do_copy_in_default_stream", Flag("do_copy_in_default_stream") switch { null => null, true => "1", false => "0" });
        if (_parameters.TryGetValue("gpu_mem_limit", out string? limit))
        {
            if (ulong.TryParse(limit, NumberStyles.None, CultureInfo.InvariantCulture, out _)) Add("gpu_mem_limit", limit);
            else Report("gpu_mem_limit", $"parameter 'gpu_mem_limit' must be a number of bytes, got '{Suggestion.Shorten(limit)}'");
        }

        return options;

        void Add(string key, string? value)
        {
            if (value is not null) options.Add(key, value);
        }
    }

    private int? Threads(string key)
    {
        if (!_parameters.TryGetValue(key, out string? value)) return null;
        int? count = ParameterValue.Int(value);
        if (count is null) Report(key, ParameterValue.NotInt(key, value));
        else if (count < 0) Report(key, $"parameter '{key}' must be 0 (not stated) or more, got {value}");
        return count > 0 ? count : null;
    }

    private bool? Flag(string key)
    {
        if (!_parameters.TryGetValue(key, out string? value)) return null;
        bool? flag = ParameterValue.Bool(value);
        if (flag is null) Report(key, ParameterValue.NotBool(key, value));
        return flag;
    }

    private string? Choice(string key, params string[] choices)
    {
        if (!_parameters.TryGetValue(key, out string? value) || choices.Contains(value)) return value;
        Report(key, $"parameter '{key}' must be one of {string.Join(", ", choices)}, got '{Suggestion.Shorten(value)}'");
        return null;
    }

    private void Report(string key, string message) => _errors.Add(ConfigSource.Entry("parameters", key), message);
}
