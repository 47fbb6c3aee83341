using Gateway.Core.Caching;
using Gateway.Core.Models;
using Gateway.Core.Models.Repository;
using Gateway.Server.Hosting;

namespace Gateway;

/// <summary>Lets the host load, stop and check a <see cref="ModelRepository"/>.</summary>
internal sealed class RepositoryLoader(ModelRepository repository, ResponseCache cache) : IModelLoader, IRepositoryChecker
{
    public async Task LoadAsync(CancellationToken cancellation)
    {
        await repository.LoadAllAsync(cancellation).ConfigureAwait(false);

        // With all models there it can be told which of the kept answers are still of use.
        cache.BeginRestore();
    }

    public async Task<int> StopAsync(TimeSpan grace)
    {
        int abandoned = await repository.StopAsync(grace).ConfigureAwait(false);
        cache.Dispose();
        return abandoned;
    }

    public IReadOnlyList<RepositoryFinding> Check() =>
        [.. repository.CheckAll().Select(status => new RepositoryFinding(status.Name, status.Version, status.State == ModelState.Ready, status.State == ModelState.Ready ? "can be served" : status.Reason))];
}
