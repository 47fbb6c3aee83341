using Gateway.Server.Hosting;

namespace Gateway;

/// <summary>Lists the models of a repository by their folders. Replaced once models can be loaded.</summary>
internal sealed class FolderListing(ServerOptions options) : IModelLoader, IRepositoryChecker
{
    public Task LoadAsync(CancellationToken cancellation) => Task.CompletedTask;

    public Task<int> StopAsync(TimeSpan grace) => Task.FromResult(0);

    public Task<IReadOnlyList<RepositoryFinding>> CheckAsync(IReadOnlyList<string> folders, CancellationToken cancellation) =>
        Task.FromResult<IReadOnlyList<RepositoryFinding>>(
            [.. options.ModelRepository.SelectMany(Directory.EnumerateDirectories).Select(folder => new RepositoryFinding(Path.GetFileName(folder), 0, true, folder)).OrderBy(finding => finding.Model, StringComparer.Ordinal)]);
}
