using Gateway.Core.Caching;
using Gateway.Core.Execution;

namespace Gateway.Core.Models;

/// <summary>A model version with running instances, and the file they run.</summary>
internal sealed class LoadedModel(ServedModel model, ILoadedModel file, ResponseCache? cache = null)
{
    public ServedModel Model { get; } = model;

    /// <summary>Finishes what was accepted, ends the instances and closes the file.</summary>
    /// <returns>Requests that were accepted and not served.</returns>
    public async Task<int> StopAsync(TimeSpan grace)
    {
        int abandoned = await Model.Batcher.StopAsync(grace).ConfigureAwait(false);
        if (Model.Cache is { } kept) await cache!.CloseAsync(kept).ConfigureAwait(false);
        if (!Model.Batcher.HasHung) file.Dispose();
        return abandoned;
    }
}
