using System.Collections.Concurrent;
using Gateway.Core.Caching;
using Gateway.Core.Execution;
using Gateway.Core.Features;
using Gateway.Core.Memory;
using Gateway.Core.Scheduling.Resources;
using Gateway.Protocol;
using Microsoft.Extensions.Logging;

namespace Gateway.Core.Models.Repository;

/// <summary>The folders that models are served from, and the models that are.</summary>
/// <remarks>
/// <b>Behaviour</b>: a model that cannot be served is UNAVAILABLE with its reason in the catalog, and hinders no other. At start files are opened and checked
/// several at a time; instances are made one model at a time, because they are measured then. <b>Threading</b>: <see cref="LoadAllAsync"/> and
/// <see cref="StopAsync"/> by one caller; the rest by any.
/// </remarks>
#pragma warning disable CA1001 // Lives as long as the process; what it holds has no handles.
public sealed partial class ModelRepository : IModelControl
#pragma warning restore CA1001
{
    // A load must not be left alone: when it ends it would use memory that is gone. But one whose files are on a dead network drive would keep the process.
    private static readonly TimeSpan LoadPatience = TimeSpan.FromSeconds(30);

    // Each name that was ever loaded keeps a few hundred bytes.
    private const int MostModels = 100_000;

    private readonly RepositoryOptions _options;
    private readonly ModelCatalog _catalog;
    private readonly ILogger _logger;
    private readonly ModelLoader _loader;
    private readonly ConcurrentDictionary<string, ModelLife> _lives = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _gate;
    private readonly CancellationTokenSource _stopping = new();
    private readonly RepositoryPoller _poller;
    private Task _polling = Task.CompletedTask;

    public ModelRepository(
        RepositoryOptions options, ModelCatalog catalog, IExecutionBackend backend, BlockPool pool, TimeProvider time, ILogger<ModelRepository> logger,
        ResponseCache? cache = null, ProfileCache? profiles = null, FeatureViews? features = null, RateLimiter? limiter = null)
    {
        _options = options;
        _catalog = catalog;
        _logger = logger;
        _loader = new ModelLoader(backend, pool, time, cache, profiles, features, limiter);
        _gate = new SemaphoreSlim(options.MostLoadsAtOnce);
        _poller = new RepositoryPoller(this, options, logger);
    }

    internal IEnumerable<ModelLife> Lives => _lives.Values;

    internal ModelLife? Find(string model) => _lives.GetValueOrDefault(model);

    /// <summary>Loads what the mode says: every model of every folder, or those that are named; then watches the folders, if it is to.</summary>
    public async Task LoadAllAsync(CancellationToken cancellation)
    {
        RepositoryScan scan = RepositoryScan.Of(_options.Directories);
        foreach (string problem in scan.Problems) LogUnreadable(_logger, problem);
        bool isAll = _options.Mode != ModelControlMode.Explicit || _options.StartupModels.Contains(RepositoryOptions.EveryModel);
        string[] names = [.. isAll ? scan.Models.Keys : _options.StartupModels.Distinct().Order(StringComparer.Ordinal)];
        ConcurrentDictionary<ModelLife, LoadAttempt?> attempts = [];
        try
        {
            await Parallel.ForEachAsync(
                names,
                new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellation },
                async (name, token) =>
                {
                    ModelLife life = LifeOf(name);
                    await life.TakeTurnAsync(token).ConfigureAwait(false);
                    attempts[life] = null;
                    attempts[life] = life.Open(scan.Models.GetValueOrDefault(name) ?? [], given: null);
                }).ConfigureAwait(false);
            foreach ((ModelLife life, LoadAttempt? attempt) in attempts.OrderBy(each => each.Key.Name, StringComparer.Ordinal))
            {
                cancellation.ThrowIfCancellationRequested();
                if (attempt is not null) life.Finish(attempt, isOwn: true);
            }
        }
        finally
        {
            foreach ((ModelLife life, LoadAttempt? attempt) in attempts)
            {
                attempt?.Dispose();
                life.EndTurn();
            }
        }

        if (_options.Mode == ModelControlMode.Poll) _polling = Task.Run(() => _poller.RunAsync(_stopping.Token), CancellationToken.None);
    }

    /// <summary>Says of every model version whether it could be served, without serving it: files are opened and checked, nothing is run.</summary>
    /// <returns>A status for each; <see cref="ModelState.Ready"/> for those that could.</returns>
    public IReadOnlyList<ModelStatus> CheckAll()
    {
        List<ModelStatus> statuses = [];
        List<ResourceClaim?> claims = [];
        foreach ((string name, IReadOnlyList<string> folders) in RepositoryScan.Of(_options.Directories).Models)
        {
            using LoadAttempt attempt = new(name, _loader) { IsCheck = true };
            attempt.Open(folders, given: null);
            attempt.Claim(claims);
            statuses.AddRange(attempt.Opened.Select(opened => new ModelStatus(name, opened.Source.Version, ModelState.Ready, "", null, TimeSpan.Zero)));
            statuses.AddRange(attempt.Failures.Select(failure => new ModelStatus(name, failure.Version, ModelState.Unavailable, failure.Reason, null, TimeSpan.Zero)));
        }

        foreach (ResourceClaim? claim in claims) claim?.Dispose();
        return [.. statuses.OrderBy(status => status.Name, StringComparer.Ordinal).ThenBy(status => status.Version)];
    }

    public IReadOnlyList<ModelStatus> Index(bool readyOnly)
    {
        IReadOnlyList<ModelStatus> known = _catalog.Index;
        if (readyOnly) return [.. known.Where(status => status.State == ModelState.Ready)];
        HashSet<string> names = [.. known.Select(status => status.Name)];
        IEnumerable<ModelStatus> others = RepositoryScan.Of(_options.Directories).Models.Keys
            .Where(name => !names.Contains(name))
            .Select(name => new ModelStatus(name, 0, ModelState.Unknown, "", null, TimeSpan.Zero));
        return [.. known.Concat(others).OrderBy(status => status.Name, StringComparer.Ordinal).ThenBy(status => status.Version)];
    }

    public async Task LoadAsync(string model, LoadOverride? given = null)
    {
        CheckMode();
        CheckName(model);
        if (given is not null)
        {
            if (!_options.AllowsOverride)
            {
                throw new InferenceException(StatusCode.Unsupported, "Loading with a configuration or files in the request is disabled. Start the server with '--allow-load-override=true' to enable.");
            }

            given.Check();
        }

        IReadOnlyList<string> folders = RepositoryScan.Of(_options.Directories).Models.GetValueOrDefault(model) ?? [];
        if (folders.Count == 0 && given is not { Files.Count: > 0 })
        {
            throw new InferenceException(StatusCode.InvalidArgument, $"failed to load '{model}', failed to poll from model repository: it is in no repository");
        }

        IReadOnlyList<LoadFailure> failures = await LoadAsync(model, folders, given).ConfigureAwait(false);
        if (failures.Count > 0) throw new InferenceException(StatusCode.InvalidArgument, LoadFailure.Describe(model, failures));
    }

    public async Task UnloadAsync(string model)
    {
        CheckMode();
        await UnloadAsync(model, isForgotten: false).ConfigureAwait(false);
    }

    /// <summary>Stops accepting, finishes what was accepted within the grace time, and closes every model.</summary>
    /// <returns>Requests that were accepted and not served.</returns>
    public async Task<int> StopAsync(TimeSpan grace)
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        ModelLife[] lives = [.. _lives.Values];
        int[] abandoned = await Task.WhenAll(lives.Select(life => life.StopAsync(grace))).ConfigureAwait(false);
        await _polling.ConfigureAwait(false);
        await Task.WhenAll(lives.Select(EndLoadAsync)).ConfigureAwait(false);
        return abandoned.Sum();
    }

    /// <summary>Loads a model in its turn.</summary>
    /// <returns>What failed; nothing when all is well, or nothing was to be done.</returns>
    internal async Task<IReadOnlyList<LoadFailure>> LoadAsync(string model, IReadOnlyList<string> folders, LoadOverride? given)
    {
        ModelLife life = LifeOf(model);
        await TakeTurnAsync(life).ConfigureAwait(false);
        try
        {
            // Its turn first: those who wait for one model must not keep the others out.
            await OrExiting(life.WhenRoomAsync(_options.MostDraining, _options.MostDrainingBytes, _stopping.Token)).ConfigureAwait(false);
            await OrExiting(_gate.WaitAsync(_stopping.Token)).ConfigureAwait(false);
            try
            {
                return await Task.Factory.StartNew(() => Load(life, folders, given), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).ConfigureAwait(false);
            }
            finally
            {
                _gate.Release();
            }
        }
        finally
        {
            life.EndTurn();
        }
    }

    /// <summary>Unloads a model in its turn, if it is known.</summary>
    internal async Task UnloadAsync(string model, bool isForgotten)
    {
        if (!_lives.TryGetValue(model, out ModelLife? life)) return;
        await TakeTurnAsync(life).ConfigureAwait(false);
        try
        {
            life.Unload(isForgotten);
        }
        finally
        {
            life.EndTurn();
        }
    }

    private static List<LoadFailure> Load(ModelLife life, IReadOnlyList<string> folders, LoadOverride? given)
    {
        using LoadAttempt? attempt = life.Open(folders, given);
        if (attempt is null) return [];
        life.Finish(attempt, isOwn: given is null);
        return attempt.Failures;
    }

    private Task TakeTurnAsync(ModelLife life) => OrExiting(life.TakeTurnAsync(_stopping.Token));

    private static async Task OrExiting(Task wait)
    {
        try
        {
            await wait.ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            throw new InferenceException(StatusCode.Unavailable, "Server exiting");
        }
    }

    /// <summary>Waits for a load that is under way, then stops what came of it.</summary>
    private async Task EndLoadAsync(ModelLife life)
    {
        try
        {
            await life.TakeTurnAsync(CancellationToken.None).WaitAsync(LoadPatience, TimeProvider.System).ConfigureAwait(false);
            life.EndTurn();
            await life.StopAsync(TimeSpan.Zero).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            LogLoadHung(_logger, life.Name, LoadPatience.TotalSeconds);
        }
    }

    private void CheckMode()
    {
        if (_options.Mode != ModelControlMode.Explicit) throw new InferenceException(StatusCode.Unavailable, "explicit model load / unload is not allowed if polling is enabled");
    }

    private static void CheckName(string model)
    {
        if (string.IsNullOrWhiteSpace(model)) throw new InferenceException(StatusCode.InvalidArgument, "Model name cannot be empty. Please enter a valid name to deploy.");
        if (model is "." or ".." || model.Contains('/', StringComparison.Ordinal) || model.Any(each => char.IsControl(each) || each == '\\'))
        {
            throw new InferenceException(StatusCode.InvalidArgument, $"invalid model name '{model}', model name must not contain path traversal characters");
        }
    }

    private ModelLife LifeOf(string model)
    {
        if (_lives.Count >= MostModels && !_lives.ContainsKey(model)) throw new InferenceException(StatusCode.Unavailable, $"more than {MostModels} models have been loaded; the server must be started again");
        return _lives.GetOrAdd(model, static (name, repository) => new ModelLife(name, repository._loader, repository._catalog, repository._logger), this);
    }

    [LoggerMessage(1008, LogLevel.Warning, "A repository cannot be read, and what is served from it goes on: {Problem}", EventName = "RepositoryUnreadable")]
    internal static partial void LogUnreadable(ILogger logger, string problem);

    [LoggerMessage(1009, LogLevel.Warning, "Model {Model}: its loading did not end within {Seconds} s, and is left alone", EventName = "LoadHung")]
    private static partial void LogLoadHung(ILogger logger, string model, double seconds);
}
