using Gateway.Core.Caching;
using Gateway.Core.Diagnostics;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Server.Grpc.Inference;
using Gateway.Server.Grpc.Messages;
using Gateway.Server.OpenInference;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.Grpc.Services;

/// <summary>The method ModelStatistics.</summary>
internal static class StatisticsMethod
{
    public static GrpcMethod Make(ModelCatalog catalog, ILogger logger) =>
        new UnaryMethod<ModelStatisticsRequest, ModelStatisticsResponse>(InferenceService.Path("ModelStatistics"), ModelStatisticsRequest.Parser, request => Answer(catalog, request), logger);

    private static ModelStatisticsResponse Answer(ModelCatalog catalog, ModelStatisticsRequest request) => new() { ModelStats = { Select(catalog, request).Select(Describe) } };

    private static IReadOnlyList<ServedModel> Select(ModelCatalog catalog, ModelStatisticsRequest request)
    {
        long version = InferFill.Version(System.Text.Encoding.UTF8.GetBytes(request.Version));

        // A version without a name says nothing, but must be one.
        return StatisticsWriter.Select(catalog, request.Name, request.Name.Length == 0 ? 0 : version);
    }

    private static Messages.ModelStatistics Describe(ServedModel model)
    {
        ModelCounts counts = model.Batcher.Statistics.Snapshot();
        CacheCounts? cache = model.CacheCounts?.Snapshot();
        long failed = counts.Outcomes.Sum() - counts[RequestOutcome.Succeeded];
        return new Messages.ModelStatistics
        {
            Name = model.Name,
            Version = model.VersionText,
            LastInference = counts.LastInference == default ? 0 : (ulong)counts.LastInference.ToUnixTimeMilliseconds(),
            InferenceCount = (ulong)counts.Inferences,
            ExecutionCount = (ulong)counts.Executions,
            InferenceStats = new InferStatistics
            {
                Success = Duration(counts.Request),
                Fail = Duration(failed, counts.FailedNanoseconds),
                Queue = Duration(counts.Request.Count, counts.Queue.TotalNanoseconds),
                ComputeInput = Duration(counts.ComputeInput),
                ComputeInfer = Duration(counts.ComputeInfer),
                ComputeOutput = Duration(counts.ComputeOutput),
                CacheHit = Duration(cache?.Hits ?? 0, cache?.HitDuration.TotalNanoseconds ?? 0),
                CacheMiss = Duration(cache?.Misses ?? 0, cache?.MissNanoseconds ?? 0),
            },
            BatchStats = { counts.Sizes.OrderBy(size => size.Key).Select(size => Describe(size.Key, size.Value)) },
        };
    }

    private static InferBatchStatistics Describe(int rows, BatchSizeCounts size) => new()
    {
        BatchSize = (ulong)rows,
        ComputeInput = Duration(size.Executions, size.InputNanoseconds),
        ComputeInfer = Duration(size.Executions, size.InferNanoseconds),
        ComputeOutput = Duration(size.Executions, size.OutputNanoseconds),
    };

    private static StatisticDuration Duration(DurationHistogram durations) => Duration(durations.Count, durations.TotalNanoseconds);

    private static StatisticDuration Duration(long count, long nanoseconds) => new() { Count = (ulong)count, Ns = (ulong)nanoseconds };
}
