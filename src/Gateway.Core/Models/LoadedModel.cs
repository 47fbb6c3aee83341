using Gateway.Core.Caching;
using Gateway.Core.Execution;

namespace Gateway.Core.Models;

/// <summary>A model version with running instances, and the file they run.</summary>
/// <param name="fileBytes">Of the version's files, about what its weights take in memory; 0 where they are another server's.</param>
internal sealed class LoadedModel(ServedModel model, ILoadedModel file, TimeSpan loadDuration, long fileBytes, ResponseCache? cache = null)
{
    private readonly Lock _lock = new();
    private Task<int>? _stopped;

    public ServedModel Model { get; } = model;

    public long Version => Model.Version;

    public TimeSpan LoadDuration { get; } = loadDuration;

    public long FileBytes => fileBytes;

    /// <summary>Finishes what was accepted, ends the instances and closes the file. Only the first call does; later ones wait for it.</summary>
    /// <returns>Requests that were accepted and not served.</returns>
    public Task<int> StopAsync(TimeSpan grace)
    {
        lock (_lock) return _stopped ??= StopOnceAsync(grace);
    }

    private async Task<int> StopOnceAsync(TimeSpan grace)
    {
        int abandoned = await Model.Batcher.StopAsync(grace).ConfigureAwait(false);
        if (Model.Cache is { } kept) await cache!.CloseAsync(kept).ConfigureAwait(false);
        if (!Model.Batcher.HasHung) file.Dispose();
        return abandoned;
    }
}
