using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Gateway.Core.Execution;
using Gateway.Core.Memory.Shared;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.Protocol.Tensors;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.OpenInference;

/// <summary>Writes the metadata of the server and of models, with their members in Triton's order.</summary>
internal static class MetadataWriter
{
    private static readonly string[] Extensions =
    [
        "classification", "model_repository", "model_repository(unload_dependents)", "schedule_policy", "model_configuration", "binary_tensor_data", "parameters", "statistics", "trace", "logging",
    ];

    private static readonly string[] WithSharedMemory = [.. Extensions, "system_shared_memory"];
    private static readonly string[] WithCudaMemory = [.. WithSharedMemory, "cuda_shared_memory"];

    internal static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The protocol's extensions, by Triton's names, and only what is served.</summary>
    public static IReadOnlyList<string> ExtensionsOf(SharedRegions regions) => regions.HasCuda ? WithCudaMemory : regions.IsAllowed ? WithSharedMemory : Extensions;

    public static void WriteServer(HttpContext context, OpenInferenceOptions options, SharedRegions regions) =>
        Write(context, (options, regions), static (json, what) =>
        {
            (OpenInferenceOptions options, SharedRegions regions) = what;
            json.WriteString("name"u8, options.ServerName);
            json.WriteString("version"u8, options.ServerVersion);
            json.WriteStartArray("extensions"u8);
            foreach (string extension in ExtensionsOf(regions)) json.WriteStringValue(extension);
            json.WriteEndArray();
        });

    /// <param name="versions">The versions to list, ascending.</param>
    public static void WriteModel(HttpContext context, ServedModel model, IReadOnlyList<ServedModel> versions) =>
        Write(context, (model, versions), static (json, what) =>
        {
            ServedModel model = what.model;
            json.WriteString("name"u8, model.Name);
            json.WriteStartArray("versions"u8);
            foreach (ServedModel version in what.versions) json.WriteStringValue(version.Version.ToString(CultureInfo.InvariantCulture));
            json.WriteEndArray();
            json.WriteString("platform"u8, model.Config.Platform.Length > 0 ? model.Config.Platform : model.Config.Backend);
            WriteTensors(json, "inputs", model.Inputs, model.Layout.IsBatching);
            WriteTensors(json, "outputs", model.Outputs, model.Layout.IsBatching);
            WritePlacement(json, model.Placements, model.Batcher.LostInstances);
        });

    public static void WriteConfig(HttpContext context, ModelConfig config)
    {
        ArrayBufferWriter<byte> body = new();
        using (Utf8JsonWriter json = new(body, Options)) ModelConfigJson.Write(json, config);
        ErrorWriter.WriteJson(context, StatusCodes.Status200OK, body.WrittenSpan);
    }

    /// <summary>Writes that a model is ready: Triton's answer is empty, KServe's client reads this.</summary>
    public static void WriteReady(HttpContext context, ReadOnlySpan<char> name) =>
        Write(context, name.ToString(), static (json, name) =>
        {
            json.WriteString("name"u8, name);
            json.WriteBoolean("ready"u8, true);
        });

    /// <summary>Where it runs, in the member that the protocol has for a server's own: strings by name.</summary>
    private static void WritePlacement(Utf8JsonWriter json, IReadOnlyList<ExecutionPlacement> placements, int lost)
    {
        if (placements.Count == 0) return;
        json.WriteStartObject("properties"u8);
        json.WriteString("provider"u8, string.Join(", ", placements.Select(placement => placement.Provider).Distinct()));
        json.WriteString("device"u8, string.Join(", ", placements.Select(placement => placement.Device).Distinct()));
        if (lost > 0) json.WriteString("lost_instances"u8, lost.ToString(CultureInfo.InvariantCulture));
        if (placements.Any(placement => placement.IsCompiled)) json.WriteString("compiled"u8, "true");
        string[] cpuNodes = [.. placements.SelectMany(placement => placement.CpuNodes).Distinct()];
        if (cpuNodes.Length > 0) json.WriteString("cpu_nodes"u8, string.Join(", ", cpuNodes));
        string[] refused = [.. placements.SelectMany(placement => placement.Refused).Distinct()];
        if (refused.Length > 0) json.WriteString("fallback"u8, string.Join("; ", refused));
        json.WriteEndObject();
    }

    private static void WriteTensors(Utf8JsonWriter json, string member, IReadOnlyList<TensorSpec> tensors, bool isBatching)
    {
        json.WriteStartArray(member);
        foreach (TensorSpec tensor in tensors)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, tensor.Name);
            json.WriteString("datatype"u8, tensor.DataType.WireName());
            json.WriteStartArray("shape"u8);
            if (isBatching) json.WriteNumberValue(-1);
            foreach (long dimension in tensor.ClientDims.Dims) json.WriteNumberValue(dimension);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>Answers with an object, whose members <paramref name="write"/> writes.</summary>
    internal static void Write<TState>(HttpContext context, TState state, Action<Utf8JsonWriter, TState> write)
    {
        ArrayBufferWriter<byte> body = new();
        using (Utf8JsonWriter json = new(body, Options))
        {
            json.WriteStartObject();
            write(json, state);
            json.WriteEndObject();
        }

        ErrorWriter.WriteJson(context, StatusCodes.Status200OK, body.WrittenSpan);
    }
}
