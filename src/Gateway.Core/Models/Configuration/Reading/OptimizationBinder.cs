namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>Reads the <c>optimization</c> part of a configuration.</summary>
internal static class OptimizationBinder
{
    public static OptimizationPolicy Bind(ConfigMessage? optimization, ConfigErrors errors)
    {
        if (optimization is null) return new OptimizationPolicy();
        long level = optimization.Message("graph")?.Int("level") ?? 0;
        if (!Enum.IsDefined((GraphOptimization)level))
        {
            errors.Add("optimization.graph.level", $"'optimization.graph.level' must be -1 (basic), 0 (all), 1 (extended) or 2 (none), got {level}");
        }

        ConfigMessage? accelerators = optimization.Message("execution_accelerators");
        foreach ((ConfigMessage accelerator, int i) in (accelerators?.All<ConfigMessage>("cpu_execution_accelerator") ?? []).Select((a, i) => (a, i)))
        {
            AcceleratorBinder.RefuseCpu(accelerator, $"optimization.execution_accelerators.cpu_execution_accelerator[{i}]", errors);
        }

        return new OptimizationPolicy
        {
            GraphOptimization = (GraphOptimization)level,
            GpuAccelerators = AcceleratorBinder.BindGpu(accelerators, "optimization.execution_accelerators.gpu_execution_accelerator", errors),
            CapturesGraphs = optimization.Message("cuda")?.Bool("graphs"),
            InputPinnedMemory = optimization.Message("input_pinned_memory")?.Bool("enable") ?? true,
            OutputPinnedMemory = optimization.Message("output_pinned_memory")?.Bool("enable") ?? true,
        };
    }
}
