using Gateway.Core.Caching;
using Gateway.Core.Models;
using Gateway.Server.OpenInference;

namespace Gateway.Precompute;

/// <summary>Asks models what their lists say (<c>cache.warm_up</c> in <c>gateway.json</c>), once the server has started, so that it is in their caches.</summary>
/// <remarks>
/// <b>Behaviour</b>: in the background, beside clients, a few requests at a time; after what the cache kept on disk has been taken over, so that only what is not there is run.
/// A list that cannot be read costs a warning. <b>Threading</b>: one run.
/// </remarks>
internal sealed partial class CacheWarmup(ModelCatalog catalog, ResponseCache cache, JsonInference inference, ILogger<CacheWarmup> logger)
{
    // Some of a batch: clients come first.
    private const int AtOnce = 8;

    /// <summary>Of each list; what comes after is passed over.</summary>
    private const long MostRequests = 1_000_000;

    public async Task RunAsync(CancellationToken cancellation)
    {
        ServedModel[] models = [.. catalog.Index.Select(status => status.Model).OfType<ServedModel>().Where(model => model.CacheList is not null && model.CacheCounts is not null)];
        if (models.Length == 0) return;
        await cache.Restored.WaitAsync(cancellation).ConfigureAwait(false);
        foreach (ServedModel model in models)
        {
            try
            {
                await WarmAsync(model, cancellation).ConfigureAwait(false);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException or InvalidDataException)
            {
                LogUnreadable(logger, model.Name, model.CacheList!, error.Message);
            }
        }
    }

    private async Task WarmAsync(ServedModel model, CancellationToken cancellation)
    {
        using JsonLineSource list = new(new FileStream(model.CacheList!, FileMode.Open, FileAccess.Read, FileShare.Read));
        using SemaphoreSlim free = new(AtOnce);
        long asked = 0;
        long failed = 0;
        string? problem = null;
        while (asked < MostRequests && !cancellation.IsCancellationRequested && list.TryNext(out PreparedRequest request))
        {
            asked++;
            await free.WaitAsync(CancellationToken.None).ConfigureAwait(false);
            _ = AskAsync(request.Body);
        }

        // Those that are still under way.
        for (int i = 0; i < AtOnce; i++) await free.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        LogDone(logger, model.Name, asked, failed);
        if (problem is not null) LogFailed(logger, model.Name, problem);

        async Task AskAsync(byte[] json)
        {
            try
            {
                if (await inference.AskAsync(model, json).ConfigureAwait(false) is { } error)
                {
                    Interlocked.Increment(ref failed);
                    problem ??= error;
                }
            }
            finally
            {
                free.Release();
            }
        }
    }

    [LoggerMessage(7020, LogLevel.Information, "The cache of {Model} is warm: its list had {Requests} requests, of which {Failed} failed", EventName = "CacheWarm")]
    private static partial void LogDone(ILogger logger, string model, long requests, long failed);

    [LoggerMessage(7021, LogLevel.Warning, "Requests in the cache's list of {Model} failed, the first with: {Reason}", EventName = "CacheListFailed")]
    private static partial void LogFailed(ILogger logger, string model, string reason);

    [LoggerMessage(7022, LogLevel.Warning, "The cache's list of {Model}, {File}, cannot be read: {Reason}", EventName = "CacheListUnreadable")]
    private static partial void LogUnreadable(ILogger logger, string model, string file, string reason);
}
