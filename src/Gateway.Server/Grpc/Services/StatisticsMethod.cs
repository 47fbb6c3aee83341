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
/// <remarks>The counts by batch size are told over HTTP alone: <c>batch_stats</c> stays empty.</remarks>
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
        long failed = counts[RequestOutcome.Failed] + counts[RequestOutcome.Rejected] + counts[RequestOutcome.Cancelled] + counts[RequestOutcome.Expired];
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
                Fail = new StatisticDuration { Count = (ulong)failed },
                Queue = Duration(counts.Queue),
                ComputeInput = Duration(counts.ComputeInput),
                ComputeInfer = Duration(counts.ComputeInfer),
                ComputeOutput = Duration(counts.ComputeOutput),
                CacheHit = cache is null ? new StatisticDuration() : Duration(cache.HitDuration),
                CacheMiss = cache is null ? new StatisticDuration() : new StatisticDuration { Count = (ulong)cache.Misses, Ns = (ulong)cache.MissNanoseconds },
            },
        };
    }

    private static StatisticDuration Duration(DurationHistogram durations) => new() { Count = (ulong)durations.Count, Ns = (ulong)durations.TotalNanoseconds };
}
