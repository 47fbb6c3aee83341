using Gateway.Protocol;
using Microsoft.Extensions.Logging;

namespace Gateway.Core.Models.Repository;

/// <summary>Watches the repositories, and loads and unloads what changes in them.</summary>
/// <remarks>
/// <b>Behaviour</b>: a change counts once two looks, <see cref="RepositoryOptions.SettleTime"/> apart, have seen the same: what is being copied is left until it lies still.
/// What fails to load is tried again when it changes again; a model that another server runs, at every look. A repository that cannot be read is no news about its models. <b>Threading</b>: one loop.
/// </remarks>
internal sealed partial class RepositoryPoller(ModelRepository repository, RepositoryOptions options, ILogger logger)
{
    // What each changed model looked like at the last look; null for one whose folder is not there.
    private readonly Dictionary<string, FolderStamp?> _unsettled = new(StringComparer.Ordinal);

    // What is being loaded or unloaded: it may take long, and the others are not to wait for it.
    private readonly Dictionary<string, Task> _changes = new(StringComparer.Ordinal);
    private string _lastProblems = "";

    /// <summary>Whether a change has been seen that is still to be seen a second time.</summary>
    internal bool IsSettling => _unsettled.Count > 0;

    public async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            while (true)
            {
                bool looksSooner = IsSettling && options.SettleTime < options.PollInterval;
                await Task.Delay(looksSooner ? options.SettleTime : options.PollInterval, TimeProvider.System, cancellation).ConfigureAwait(false);
                Look();
            }
        }
        catch (OperationCanceledException)
        {
            // The server stops.
        }
    }

    /// <summary>Looks once, and begins what has settled; a model whose change is under way is left until the next look.</summary>
    internal void Look()
    {
        try
        {
            foreach (string model in _changes.Where(static change => change.Value.IsCompleted).Select(static change => change.Key).ToArray()) _changes.Remove(model);
            RepositoryScan scan = RepositoryScan.Of(options.Directories);
            Report(scan);
            foreach ((string model, IReadOnlyList<string> folders) in scan.Models)
            {
                if (_changes.ContainsKey(model)) continue;
                FolderStamp? stamp = FolderStamp.TryOf(folders);
                FolderStamp? known = repository.Find(model)?.Stamp;
                if (stamp is null || stamp == known) _unsettled.Remove(model);
                else if (HasSettled(model, stamp)) _changes[model] = ObserveAsync(repository.LoadAsync(model, folders, given: null));
            }

            // With a repository that cannot be read, nothing can be said about what is missing.
            foreach (ModelLife life in scan.Problems.Count > 0 ? [] : repository.Lives)
            {
                if (_changes.ContainsKey(life.Name) || scan.Models.ContainsKey(life.Name) || !life.IsKnown || !HasSettled(life.Name, null)) continue;
                _changes[life.Name] = ObserveAsync(repository.UnloadAsync(life.Name, isForgotten: true));
            }

            if (scan.Problems.Count == 0) ForgetGone(scan);
        }
#pragma warning disable CA1031 // Whatever goes wrong at one look, the next may do better.
        catch (Exception error)
#pragma warning restore CA1031
        {
            LogFailed(logger, error);
        }
    }

    /// <summary>Completes when what the looks have begun is over.</summary>
    internal Task WhenChangedAsync() => Task.WhenAll(_changes.Values);

    private async Task ObserveAsync(Task change)
    {
        try
        {
            await change.ConfigureAwait(false);
        }
        catch (InferenceException)
        {
            // The server stops.
        }
#pragma warning disable CA1031 // As above.
        catch (Exception error)
#pragma warning restore CA1031
        {
            LogFailed(logger, error);
        }
    }

    /// <returns>Whether the last look has seen the same; it is forgotten then.</returns>
    private bool HasSettled(string model, FolderStamp? stamp)
    {
        if (_unsettled.TryGetValue(model, out FolderStamp? last) && last == stamp) return _unsettled.Remove(model);
        _unsettled[model] = stamp;
        return false;
    }

    /// <summary>Forgets folders that went before they had settled, so that nothing waits for them.</summary>
    private void ForgetGone(RepositoryScan scan)
    {
        foreach (string model in _unsettled.Keys.Where(model => !scan.Models.ContainsKey(model) && repository.Find(model) is not { IsKnown: true }).ToArray()) _unsettled.Remove(model);
    }

    private void Report(RepositoryScan scan)
    {
        string problems = string.Join('\n', scan.Problems);
        if (problems != _lastProblems)
        {
            foreach (string problem in scan.Problems) ModelRepository.LogUnreadable(logger, problem);
        }

        _lastProblems = problems;
    }

    [LoggerMessage(1010, LogLevel.Error, "Looking for changes in the repositories failed", EventName = "PollFailed")]
    private static partial void LogFailed(ILogger logger, Exception error);
}
