using Gateway.Core.Caching;
using Gateway.Core.Diagnostics;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Protocol;
using Gateway.Server.Grpc.Inference;
using Gateway.Server.Grpc.Messages;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.Grpc.Services;

/// <summary>The method ModelStatistics.</summary>
/// <remarks>Batches are counted by sizes that double, not by each: <c>batch_stats</c> stays empty rather than guessed.</remarks>
internal static class StatisticsMethod
{
    public static GrpcMethod Make(ModelCatalog catalog, ILogger logger) =>
        new UnaryMethod<ModelStatisticsRequest, ModelStatisticsResponse>(InferenceService.Path("ModelStatistics"), ModelStatisticsRequest.Parser, request => Answer(catalog, request), logger);

    private static ModelStatisticsResponse Answer(ModelCatalog catalog, ModelStatisticsRequest request) => new() { ModelStats = { Select(catalog, request).Select(Describe) } };

    private static List<ServedModel> Select(ModelCatalog catalog, ModelStatisticsRequest request)
    {
        long version = InferFill.Version(System.Text.Encoding.UTF8.GetBytes(request.Version));
        List<ServedModel> ready = [.. catalog.Index.Where(status => status.Model is not null).Select(status => status.Model!)];
        if (request.Name.Length == 0) return ready;
        ready.RemoveAll(model => model.Name != request.Name);
        if (ready.Count == 0) throw new InferenceException(StatusCode.InvalidArgument, $"requested model '{request.Name}' is not available");
        if (version == 0) return ready;
        ready.RemoveAll(model => model.Version != version);
        return ready.Count > 0 ? ready : throw new InferenceException(StatusCode.InvalidArgument, $"requested model version is not available for model '{request.Name}'");
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
