using Gateway.Core.Caching;
using Gateway.Core.Features;
using Gateway.Core.Models;
using Gateway.Core.Models.Repository;
using Gateway.Features;
using Gateway.Precompute;
using Gateway.Server.Hosting;

namespace Gateway;

/// <summary>Lets the host load, stop and check a <see cref="ModelRepository"/>.</summary>
internal sealed class RepositoryLoader(ModelRepository repository, ResponseCache cache, CacheWarmup? warmup = null, FeatureViews? features = null, FeatureSources? sources = null) : IModelLoader, IRepositoryChecker, IDisposable
{
    // By then what the list asked for has been answered, by whatever its models are stopped with.
    private static readonly TimeSpan MostWarming = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _stopping = new();
    private Task _warming = Task.CompletedTask;

    public async Task LoadAsync(CancellationToken cancellation)
    {
        // Beside the models: a large view takes its time too.
        Task views = sources?.RunAsync(_stopping.Token) ?? Task.CompletedTask;
        await repository.LoadAllAsync(cancellation).ConfigureAwait(false);
        await views.WaitAsync(cancellation).ConfigureAwait(false);

        // With all models there it can be told which of the kept answers are still of use.
        cache.BeginRestore();
        if (warmup is not null) _warming = Task.Run(() => warmup.RunAsync(_stopping.Token), CancellationToken.None);
    }

    public async Task<int> StopAsync(TimeSpan grace)
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        int abandoned = await repository.StopAsync(grace).ConfigureAwait(false);
        await _warming.WaitAsync(MostWarming, TimeProvider.System, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cache.Dispose();
        features?.Dispose();
        return abandoned;
    }

    public void Dispose() => _stopping.Dispose();

    public IReadOnlyList<RepositoryFinding> Check() =>
        [.. repository.CheckAll().Select(status => new RepositoryFinding(status.Name, status.Version, status.State == ModelState.Ready, status.State == ModelState.Ready ? "can be served" : status.Reason))];
}
