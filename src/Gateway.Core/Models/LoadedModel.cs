using Gateway.Core.Caching;
using Gateway.Core.Execution;

namespace Gateway.Core.Models;

/// <summary>A model version with running instances, and the file they run.</summary>
internal sealed class LoadedModel(ServedModel model, ILoadedModel file, TimeSpan loadDuration, ResponseCache? cache = null)
{
    private readonly Lock _lock = new();
    private Task<int>? _stopped;

    public ServedModel Model { get; } = model;

    public long Version => Model.Version;

    public TimeSpan LoadDuration { get; } = loadDuration;

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
