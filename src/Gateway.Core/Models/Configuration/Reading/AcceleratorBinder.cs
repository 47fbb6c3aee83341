namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>Reads execution accelerators and brings their parameters into ONNX Runtime's names.</summary>
internal static class AcceleratorBinder
{
    private static readonly string[] Known = [ExecutionAccelerator.TensorRt, ExecutionAccelerator.Cuda, ExecutionAccelerator.WebGpu, ExecutionAccelerator.Cpu];

    /// <summary>CUDA options that follow from where an instance runs.</summary>
    private static readonly string[] SetByInstance = ["device_id", "user_compute_stream", "has_user_compute_stream"];

    /// <summary>Options of the providers that are addresses in this process, or name things by such.</summary>
    private static readonly string[] Addresses = ["gpu_external_alloc", "gpu_external_free", "gpu_external_empty_cache", "dawnProcTable", "webgpuInstance", "webgpuDevice"];

    /// <summary>CUDA options whose value Triton checks to be a truth value.</summary>
    private static readonly string[] CudaFlags = ["do_copy_in_default_stream", "use_ep_level_unified_stream"];

    public static IReadOnlyList<ExecutionAccelerator> BindGpu(ConfigMessage? accelerators, string path, ConfigErrors errors)
    {
        List<ExecutionAccelerator> bound = [];
        IReadOnlyList<ConfigMessage> written = accelerators?.All<ConfigMessage>("gpu_execution_accelerator") ?? [];
        for (int i = 0; i < written.Count; i++)
        {
            string name = written[i].Text("name");
            string at = $"{path}[{i}]";
            if (Unusable(name, "gpu") is { } reason) errors.Add($"{at}.name", reason);
            else if (bound.Any(a => a.Name == name)) errors.Add($"{at}.name", $"execution accelerator '{name}' is given twice");
            else bound.Add(Bind(name, written[i].TextMap("parameters"), $"{at}.parameters", errors));
        }

        int cpu = bound.FindIndex(accelerator => accelerator.Name == ExecutionAccelerator.Cpu);
        if (cpu >= 0 && cpu < bound.Count - 1) errors.Add(path, $"execution accelerator 'cpu' can always be had, so '{bound[cpu + 1].Name}' after it would never be tried");
        return bound;
    }

    public static void RefuseCpu(ConfigMessage accelerator, string path, ConfigErrors errors)
    {
        string name = accelerator.Text("name");
        errors.Add($"{path}.name", Unusable(name, "cpu") ?? $"execution accelerator '{name}' runs on a GPU: name it under 'gpu_execution_accelerator'");
    }

    private static string? Unusable(string name, string device)
    {
        if (Known.Contains(name)) return null;
        return name == "openvino"
            ? "execution accelerator 'openvino' is not supported yet: ONNX Runtime's own CPU kernels are used"
            : $"unknown Execution Accelerator '{Suggestion.Shorten(name)}' is requested under '{device}_execution_accelerator'. Known: {string.Join(", ", Known)}.";
    }

    private static ExecutionAccelerator Bind(string name, Dictionary<string, string> parameters, string path, ConfigErrors errors)
    {
        Dictionary<string, string> options = new(StringComparer.Ordinal);
        foreach ((string key, string value) in parameters)
        {
            if (Translate(name, key, value, options) is { } problem) errors.Add(ConfigSource.Entry(path, key), problem);
        }

        return new ExecutionAccelerator(name, parameters, options);
    }

    private static string? Translate(string name, string key, string value, Dictionary<string, string> options)
    {
        if (name == ExecutionAccelerator.Cpu) return $"execution accelerator 'cpu' has no parameters, so not '{Suggestion.Shorten(key)}' either";
        if (key == ExecutionAccelerator.LanesParameter)
        {
            return ParameterValue.Int(value) is >= 1 and <= ExecutionAccelerator.MostLanes ? null : $"'{key}' must be 1 to {ExecutionAccelerator.MostLanes}, got '{Suggestion.Shorten(value)}'";
        }

        if (name == ExecutionAccelerator.TensorRt) return TensorRtOptions.Translate(key, value, options);
        if (name == ExecutionAccelerator.Cuda && SetByInstance.Contains(key)) return $"CUDA option '{key}' follows from 'instance_group' and cannot be set";
        if (Addresses.Contains(key)) return $"option '{key}' of '{name}' is an address in the process, and cannot be set";
        if (name == ExecutionAccelerator.Cuda && CudaFlags.Contains(key) && ParameterValue.Bool(value) is null) return ParameterValue.NotBool(key, value);
        options[key] = value;
        return null;
    }
}
