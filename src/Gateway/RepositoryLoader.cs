using Gateway.Core.Models;
using Gateway.Server.Hosting;

namespace Gateway;

/// <summary>Lets the host load, stop and check a <see cref="ModelRepository"/>.</summary>
internal sealed class RepositoryLoader(ModelRepository repository) : IModelLoader, IRepositoryChecker
{
    public Task LoadAsync(CancellationToken cancellation) => repository.LoadAllAsync(cancellation);

    public Task<int> StopAsync(TimeSpan grace) => repository.StopAsync(grace);

    public IReadOnlyList<RepositoryFinding> Check() =>
        [.. repository.CheckAll().Select(status => new RepositoryFinding(status.Name, status.Version, status.State == ModelState.Ready, status.State == ModelState.Ready ? "can be served" : status.Reason))];
}
