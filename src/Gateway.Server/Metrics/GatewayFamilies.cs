using System.Globalization;
using System.Text.RegularExpressions;
using Gateway.Core.Diagnostics;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Server.Hosting;

namespace Gateway.Server.Metrics;

/// <summary>The metrics that Triton has no word for: outcomes of all requests, batches and why they closed, times by stage, memory by owner.</summary>
internal static partial class GatewayFamilies
{
    /// <summary>Upper bounds of the buckets of durations, in seconds.</summary>
    internal static readonly double[] DurationBounds = [.. Enumerable.Range(0, DurationHistogram.Bounds).Select(DurationHistogram.BoundSeconds)];
    private static readonly double[] BatchSizeBounds = [.. Enumerable.Range(0, ModelCounts.BatchSizeBounds).Select(bucket => (double)(1 << bucket))];

    public static void Write(PrometheusWriter writer, IReadOnlyList<ModelStatus> index, IReadOnlyList<ModelSample> models, BlockPool pool, ConnectionCounts connections)
    {
        WriteModelStates(writer, index);
        Each(writer, models, "gateway_requests_accepted_total", "counter", "Requests that passed validation: the sum of all outcomes once nothing is under way.", static model => model.Counts.Accepted);
        ByName<RequestOutcome>(writer, models, "gateway_requests_total", "outcome", "Accepted requests that ended, by outcome.", static counts => counts.Outcomes);
        ByName<RefusalReason>(writer, models, "gateway_refused_requests_total", "reason", "Requests that this model's queue here rejected, those that replicas then answered included, by why; none: the model was going away, or the request was not to be run.", static counts => counts.Refusals);
        Each(writer, models, "gateway_late_requests_total", "counter", "Requests that succeeded after their deadline.", static model => model.Counts.LateRequests);
        Each(writer, models, "gateway_late_rows_total", "counter", "Rows of theirs: run for nothing.", static model => model.Counts.LateRows);
        Stage(writer, models, "prediction_error", "How far requests that succeeded ended from when they were to, by what was known on their arrival.", static counts => counts.PredictionError);
        Each(writer, models, "gateway_rows_in_time_total", "counter", "Rows of requests that succeeded by their deadline, or had none: the goodput.", static model => model.Counts.RowsInTime);
        Each(writer, models, "gateway_abandoned_rows_total", "counter", "Rows run of requests that were cancelled, or failed, meanwhile: run for nothing.", static model => model.Counts.AbandonedRows);
        WriteLatencyModel(writer, models);
        Each(writer, models, "gateway_pending_bytes", "gauge", "Bytes of the tensors of requests that wait.", static model => model.PendingBytes);
        Stage(writer, models, "request", "Acceptance to answer, of requests that succeeded.", static counts => counts.Request);
        Stage(writer, models, "queue", "Acceptance to the closing of the batch.", static counts => counts.Queue);
        Stage(writer, models, "compute_input", "Closing of the batch to the begin of its run.", static counts => counts.ComputeInput);
        Stage(writer, models, "compute_infer", "The run.", static counts => counts.ComputeInfer);
        Stage(writer, models, "compute_output", "End of the run to the answer.", static counts => counts.ComputeOutput);
        Stage(writer, models, "upload", "Of batches on a device: gathered to begin of the run, the wait for the device included.", static counts => counts.Upload);
        Stage(writer, models, "download", "Of batches on a device: end of the run to the outputs being back.", static counts => counts.Download);
        WriteBatchSizes(writer, models);
        WriteRunTime(writer, models);
        ByName<CloseReason>(writer, models, "gateway_batch_close_reason_total", "reason", "Batches run, by why they were closed with the rows that they had.", static counts => counts.CloseReasons);
        Each(writer, models, "gateway_padding_rows_total", "counter", "Rows run that nobody asked for, to reach an allowed batch size.", static model => model.Counts.PaddingRows);
        WriteCopies(writer, models);
        Each(writer, models, "gateway_failed_executions_total", "counter", "Runs that failed, those of bisected batches included.", static model => model.Counts.FailedExecutions);
        Each(writer, models, "gateway_out_of_memory_total", "counter", "Runs that needed more memory than their device had; later batches are smaller.", static model => model.Counts.OutOfMemory);
        Each(writer, models, "gateway_lost_devices_total", "counter", "Runs under which an instance lost its device, which it then tries to get back.", static model => model.Counts.LostDevices);
        Each(writer, models, "gateway_instances_lost", "gauge", "Instances whose device is lost at present; those on it that are idle find that out by their next batch.", static model => model.Batcher.LostInstances);
        WritePool(writer, pool);
        WriteConnections(writer, connections);
    }

    private static void WriteModelStates(PrometheusWriter writer, IReadOnlyList<ModelStatus> index)
    {
        const string Name = "gateway_model_ready";
        writer.Family(Name, "gauge", "1 for a model version that is served, 0 for one that is not.");
        foreach (ModelStatus status in index)
        {
            string version = status.Version.ToString(System.Globalization.CultureInfo.InvariantCulture);
            writer.Sample(Name, status.State == ModelState.Ready ? 1 : 0, ("model", status.Name), ("version", version));
        }
    }

    private static void Each(PrometheusWriter writer, IReadOnlyList<ModelSample> models, string name, string type, string help, Func<ModelSample, long> value)
    {
        writer.Family(name, type, help);
        foreach (ModelSample model in models) writer.Sample(name, value(model), ("model", model.Name), ("version", model.Version));
    }

    /// <summary>One counter for each name of an enumeration; labels in alphabetical order, as everywhere.</summary>
    private static void ByName<T>(PrometheusWriter writer, IReadOnlyList<ModelSample> models, string name, string label, string help, Func<ModelCounts, long[]> values)
        where T : struct, Enum
    {
        writer.Family(name, "counter", help);
        string[] names = [.. Enum.GetNames<T>().Select(each => WordStart().Replace(each, "_$0").ToLowerInvariant())];
        foreach (ModelSample model in models)
        {
            long[] counts = values(model.Counts);
            for (int i = 0; i < counts.Length; i++)
            {
                writer.Sample(name, counts[i], ("model", model.Name), (label, names[i]), ("version", model.Version));
            }
        }
    }

    private static void Stage(PrometheusWriter writer, IReadOnlyList<ModelSample> models, string stage, string help, Func<ModelCounts, DurationHistogram> value)
    {
        string name = $"gateway_{stage}_duration_seconds";
        writer.Family(name, "histogram", help);
        foreach (ModelSample model in models)
        {
            DurationHistogram histogram = value(model.Counts);
            writer.Histogram(name, DurationBounds, histogram.Counts, histogram.TotalNanoseconds / 1e9, ("model", model.Name), ("version", model.Version));
        }
    }

    private static void WriteLatencyModel(PrometheusWriter writer, IReadOnlyList<ModelSample> models)
    {
        const string Estimate = "gateway_batch_estimate_seconds";
        writer.Family(Estimate, "gauge", "What a batch of so many rows is expected to take, from its closing to its instance being free; times the factor of its shape class, where there are several.");
        WriteBySize(Estimate, (batcher, latency, rows) => batcher.Estimate(latency, rows).TotalSeconds);

        const string Shapes = "gateway_batch_shape_factor_ratio";
        writer.Family(Shapes, "gauge", "How many times as long as estimated batches take whose rows have about so many elements; of models whose rows differ in that.");
        foreach ((_, LatencyModel latency, (string, string)[] labels) in ByGroup(models))
        {
            (int ShapeClass, double Factor)[] seen = [.. latency.Shapes.Seen];
            if (seen.Length < 2) continue;
            foreach ((int shapeClass, double factor) in seen)
            {
                writer.Sample(Shapes, factor, [("elements", ShapeClasses.Elements(shapeClass).ToString(CultureInfo.InvariantCulture)), .. labels]);
            }
        }

        const string Deviation = "gateway_batch_deviation_ratio";
        writer.Family(Deviation, "gauge", "How far batches of so many rows are from that, relative to it: the root of the mean square; that of all sizes where there were too few of late.");
        WriteBySize(Deviation, (batcher, latency, rows) => batcher.Policy.Deviation(rows, latency));
        const string Best = "gateway_best_batch_rows";
        writer.Family(Best, "gauge", "Smallest batch that makes nearly as many rows a second as any.");
        foreach ((_, LatencyModel latency, (string, string)[] labels) in ByGroup(models)) writer.Sample(Best, latency.BestBatchRows, labels);
        const string Limit = "gateway_batch_rows_limit";
        writer.Family(Limit, "gauge", "Most rows of a batch: the model's own limit, or fewer once more needed more memory than their device had.");
        foreach ((ModelSample model, LatencyModel latency, (string, string)[] labels) in ByGroup(models)) writer.Sample(Limit, Math.Min(model.Batcher.Policy.MaxBatchRows, latency.MostRows), labels);

        void WriteBySize(string family, Func<DynamicBatcher, LatencyModel, int, double> value)
        {
            foreach ((ModelSample model, LatencyModel latency, (string, string)[] labels) in ByGroup(models))
            {
                foreach (int rows in latency.Sizes) writer.Sample(family, value(model.Batcher, latency, rows), [.. labels[..^1], ("rows", rows.ToString(CultureInfo.InvariantCulture)), labels[^1]]);
            }
        }
    }

    /// <summary>Each model's instance groups; they are named where there are several.</summary>
    private static IEnumerable<(ModelSample Model, LatencyModel Latency, (string Name, string Value)[] Labels)> ByGroup(IReadOnlyList<ModelSample> models)
    {
        foreach (ModelSample model in models)
        {
            foreach ((string group, LatencyModel latency) in model.Latencies)
            {
                yield return (model, latency, model.Latencies.Count > 1 ? [("group", group), ("model", model.Name), ("version", model.Version)] : [("model", model.Name), ("version", model.Version)]);
            }
        }
    }

    private static void WriteBatchSizes(PrometheusWriter writer, IReadOnlyList<ModelSample> models)
    {
        const string Name = "gateway_batch_size_rows";
        writer.Family(Name, "histogram", "Batches run, by their rows without padding.");
        foreach (ModelSample model in models)
        {
            writer.Histogram(Name, BatchSizeBounds, model.Counts.BatchSizes, model.Counts.Inferences, ("model", model.Name), ("version", model.Version));
        }
    }

    private static void WriteRunTime(PrometheusWriter writer, IReadOnlyList<ModelSample> models)
    {
        const string Name = "gateway_batch_run_seconds_total";
        writer.Family(Name, "counter", "Time in runs, that of each batch once: over time, how many instances are busy.");
        foreach (ModelSample model in models) writer.Sample(Name, model.Counts.RunNanoseconds / 1e9, ("model", model.Name), ("version", model.Version));
    }

    private static void WriteCopies(PrometheusWriter writer, IReadOnlyList<ModelSample> models)
    {
        const string Name = "gateway_copied_input_bytes_total";
        writer.Family(Name, "counter", "Bytes of inputs copied: receive, from the connection to the request; gather, from requests to a batch.");
        foreach (ModelSample model in models)
        {
            writer.Sample(Name, model.Counts.ReceivedBytes, ("model", model.Name), ("stage", "receive"), ("version", model.Version));
            writer.Sample(Name, model.Counts.GatheredBytes, ("model", model.Name), ("stage", "gather"), ("version", model.Version));
        }
    }

    private static void WritePool(PrometheusWriter writer, BlockPool pool)
    {
        writer.Family("gateway_pool_bytes", "gauge", "Bytes that the memory pool holds, lent and free.");
        writer.Sample("gateway_pool_bytes", pool.TotalBytes);
        writer.Family("gateway_pool_rented_blocks", "gauge", "Blocks lent out, by what for.");
        foreach (BlockOwner owner in Enum.GetValues<BlockOwner>())
        {
            writer.Sample("gateway_pool_rented_blocks", pool.RentedBlocks(owner), ("owner", WordStart().Replace(owner.ToString(), "_$0").ToLowerInvariant()));
        }
    }

    private static void WriteConnections(PrometheusWriter writer, ConnectionCounts connections)
    {
        writer.Family("gateway_connections", "gauge", "Connections that are open, by what is spoken on them.");
        foreach (ConnectionCounts.Protocol protocol in connections.All) writer.Sample("gateway_connections", protocol.Open, ("protocol", protocol.Name));
        writer.Family("gateway_connections_total", "counter", "Connections since the start, likewise.");
        foreach (ConnectionCounts.Protocol protocol in connections.All) writer.Sample("gateway_connections_total", protocol.Opened, ("protocol", protocol.Name));
    }

    [GeneratedRegex("(?<=[a-z])[A-Z]")]
    private static partial Regex WordStart();
}
