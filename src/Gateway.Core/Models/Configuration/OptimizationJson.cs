using System.Text.Json;

namespace Gateway.Core.Models.Configuration;

/// <summary>Writes the <c>optimization</c> part of a configuration for <see cref="ModelConfigJson"/>.</summary>
internal static class OptimizationJson
{
    public static void Write(Utf8JsonWriter json, OptimizationPolicy optimization)
    {
        json.WriteStartObject("optimization");
        if (optimization.GraphOptimization != GraphOptimization.All)
        {
            json.WriteStartObject("graph");
            json.WriteNumber("level", (int)optimization.GraphOptimization);
            json.WriteEndObject();
        }

        json.WriteString("priority", "PRIORITY_DEFAULT");
        if (optimization.CapturesGraphs is { } graphs)
        {
            json.WriteStartObject("cuda");
            json.WriteBoolean("graphs", graphs);
            json.WriteEndObject();
        }

        if (optimization.GpuAccelerators.Count > 0)
        {
            json.WriteStartObject("execution_accelerators");
            ModelConfigJson.WriteArray(json, "gpu_execution_accelerator", optimization.GpuAccelerators, WriteAccelerator);
            json.WriteStartArray("cpu_execution_accelerator");
            json.WriteEndArray();
            json.WriteEndObject();
        }

        WritePinned(json, "input_pinned_memory", optimization.InputPinnedMemory);
        WritePinned(json, "output_pinned_memory", optimization.OutputPinnedMemory);
        json.WriteNumber("gather_kernel_buffer_threshold", 0);
        json.WriteBoolean("eager_batching", false);
        json.WriteEndObject();
    }

    private static void WriteAccelerator(Utf8JsonWriter json, ExecutionAccelerator accelerator)
    {
        json.WriteString("name", accelerator.Name);
        ModelConfigJson.WriteMap(json, "parameters", accelerator.Parameters);
    }

    private static void WritePinned(Utf8JsonWriter json, string name, bool enable)
    {
        json.WriteStartObject(name);
        json.WriteBoolean("enable", enable);
        json.WriteEndObject();
    }
}
