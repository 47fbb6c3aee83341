using System.Text.Json;
using Gateway.Core.Caching;
using Gateway.Core.Diagnostics;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.OpenInference;

/// <summary>Writes the statistics extension's answer. What the counts mean is in <see cref="ModelCounts"/>; the names are Triton's.</summary>
internal static class StatisticsWriter
{
    /// <summary>The versions that a call asks for: of one model, or of all that are ready.</summary>
    /// <param name="model">Empty for all.</param>
    /// <param name="version">0 for all of the model's.</param>
    /// <exception cref="InferenceException">There are none; the texts are Triton's.</exception>
    public static IReadOnlyList<ServedModel> Select(ModelCatalog catalog, string model, long version)
    {
        ServedModel[] ready = [.. catalog.Index.Select(status => status.Model).OfType<ServedModel>().Where(served => model.Length == 0 || served.Name == model)];
        if (model.Length > 0 && ready.Length == 0) throw Errors.Invalid($"requested model '{model}' is not available");
        if (version == 0) return ready;
        return ready.FirstOrDefault(served => served.Version == version) is { } found ? [found] : throw Errors.Invalid($"requested model version is not available for model '{model}'");
    }

    public static void Write(HttpContext context, IReadOnlyList<ServedModel> models) =>
        MetadataWriter.Write(context, models, static (json, models) =>
        {
            json.WriteStartArray("model_stats"u8);
            foreach (ServedModel model in models) WriteModel(json, model, model.Batcher.Statistics.Snapshot());
            json.WriteEndArray();
        });

    private static void WriteModel(Utf8JsonWriter json, ServedModel model, ModelCounts counts)
    {
        json.WriteStartObject();
        json.WriteString("name"u8, model.Name);
        json.WriteString("version"u8, model.VersionText);
        json.WriteNumber("last_inference"u8, counts.LastInference == default ? 0 : counts.LastInference.ToUnixTimeMilliseconds());
        json.WriteNumber("inference_count"u8, counts.Inferences);
        json.WriteNumber("execution_count"u8, counts.Executions);
        json.WriteStartObject("inference_stats"u8);
        WriteDuration(json, "success", counts.Request.Count, counts.Request.TotalNanoseconds);
        WriteDuration(json, "fail", counts.Outcomes.Sum() - counts[RequestOutcome.Succeeded], counts.FailedNanoseconds);

        // As in Triton, whatever succeeded, what the cache answered too.
        WriteDuration(json, "queue", counts.Request.Count, counts.Queue.TotalNanoseconds);
        WriteDuration(json, "compute_input", counts.ComputeInput.Count, counts.ComputeInput.TotalNanoseconds);
        WriteDuration(json, "compute_infer", counts.ComputeInfer.Count, counts.ComputeInfer.TotalNanoseconds);
        WriteDuration(json, "compute_output", counts.ComputeOutput.Count, counts.ComputeOutput.TotalNanoseconds);
        CacheCounts? cache = model.CacheCounts?.Snapshot();
        WriteDuration(json, "cache_hit", cache?.Hits ?? 0, cache?.HitDuration.TotalNanoseconds ?? 0);
        WriteDuration(json, "cache_miss", cache?.Misses ?? 0, cache?.MissNanoseconds ?? 0);
        json.WriteEndObject();

        // By the index of a response, for models that give several.
        json.WriteStartObject("response_stats"u8);
        json.WriteEndObject();
        json.WriteStartArray("batch_stats"u8);
        foreach ((int rows, BatchSizeCounts size) in counts.Sizes.OrderBy(size => size.Key))
        {
            json.WriteStartObject();
            json.WriteNumber("batch_size"u8, rows);
            WriteDuration(json, "compute_input", size.Executions, size.InputNanoseconds);
            WriteDuration(json, "compute_infer", size.Executions, size.InferNanoseconds);
            WriteDuration(json, "compute_output", size.Executions, size.OutputNanoseconds);
            json.WriteEndObject();
        }

        json.WriteEndArray();

        // ONNX Runtime does not tell.
        json.WriteStartArray("memory_usage"u8);
        json.WriteEndArray();
        WriteLatencies(json, model);
        json.WriteEndObject();
    }

    /// <summary>Beyond Triton: what the scheduler expects batches to take, from their closing to their instance being free.</summary>
    private static void WriteLatencies(Utf8JsonWriter json, ServedModel model)
    {
        json.WriteStartArray("latency_model"u8);
        foreach ((string group, LatencyModel latency) in model.Latencies)
        {
            json.WriteStartObject();
            json.WriteString("instance_group"u8, group);
            json.WriteNumber("best_batch_size"u8, latency.BestBatchRows);
            json.WriteNumber("deviation"u8, Math.Round(latency.Deviation, 4));
            json.WriteStartArray("batches"u8);
            foreach (int rows in latency.Sizes)
            {
                json.WriteStartObject();
                json.WriteNumber("batch_size"u8, rows);
                json.WriteNumber("ns"u8, (long)model.Batcher.Estimate(latency, rows).TotalNanoseconds);
                json.WriteNumber("deviation"u8, Math.Round(model.Batcher.Policy.Deviation(rows, latency), 4));
                json.WriteEndObject();
            }

            json.WriteEndArray();
            WriteShapes(json, latency.Shapes);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>How many times as long batches take by the elements of their rows; nothing where all had as many.</summary>
    private static void WriteShapes(Utf8JsonWriter json, ShapeFactors shapes)
    {
        (int ShapeClass, double Factor)[] seen = [.. shapes.Seen];
        if (seen.Length < 2) return;
        json.WriteStartArray("shapes"u8);
        foreach ((int shapeClass, double factor) in seen)
        {
            json.WriteStartObject();
            json.WriteNumber("elements"u8, ShapeClasses.Elements(shapeClass));
            json.WriteNumber("factor"u8, Math.Round(factor, 4));
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteDuration(Utf8JsonWriter json, string name, long count, long nanoseconds)
    {
        json.WriteStartObject(name);
        json.WriteNumber("count"u8, count);
        json.WriteNumber("ns"u8, nanoseconds);
        json.WriteEndObject();
    }
}
