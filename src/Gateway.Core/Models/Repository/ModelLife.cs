using Gateway.Core.Diagnostics;
using Gateway.Core.Memory;
using Gateway.Core.Scheduling;
using Microsoft.Extensions.Logging;

namespace Gateway.Core.Models.Repository;

/// <summary>One model's life: which of its versions are loaded, replaced and unloaded, and what the catalog says of them meanwhile.</summary>
/// <remarks>
/// <para><b>Behaviour</b>: each version goes LOADING → READY → UNLOADING → UNAVAILABLE ("unloaded"), or from LOADING to UNAVAILABLE with the reason. A load makes the new
/// versions beside those that are served, and changes the catalog in one go once they are warm. If one of them fails while others are served, these go on, all of them, and
/// their statuses tell the reason; a first load serves what it can. What is replaced is drained: it lends no more requests, answers those that it has lent, then its
/// instances end and its memory is given back.</para>
/// <para><b>Threading</b>: what loads or unloads takes turns (<see cref="TakeTurnAsync"/>); drains go on beside that and beside each other, so that one slow request holds
/// up nothing but what it was lent by. How many generations of a model are in memory, <see cref="WhenRoomAsync"/> bounds. <b>Ownership</b>: owns the loaded versions until they have been drained.</para>
/// </remarks>
#pragma warning disable CA1001 // Lives as long as the process; its semaphore and its token source have no handles.
internal sealed partial class ModelLife(string name, ModelLoader loader, ModelCatalog catalog, ILogger logger)
#pragma warning restore CA1001
{
    /// <summary>How long a replaced version waits for requests whose bodies have not arrived, or whose answers have not been taken; they are refused or cut off then.</summary>
    internal static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(60);

    // For runs that are under way when the wait is over.
    private static readonly TimeSpan StopGrace = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim _turn = new(1);
    private readonly Lock _lock = new();
    private readonly SortedDictionary<long, ModelStatus> _statuses = [];
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<LoadedModel> _draining = [];
    private readonly List<Task> _drains = [];
    private List<LoadedModel> _served = [];
    private bool _isGood;
    private bool _isForgotten;

    public string Name => name;

    /// <summary>What the folder looked like when it was last tried, whether that went well or not; null also for a try that is to be repeated.</summary>
    public FolderStamp? Stamp { get; private set; }

    /// <summary>Whether any version is served.</summary>
    public bool IsServed
    {
        get
        {
            lock (_lock) return _served.Count > 0;
        }
    }

    /// <summary>Whether the catalog says anything of it.</summary>
    public bool IsKnown
    {
        get
        {
            lock (_lock) return _statuses.Count > 0;
        }
    }

    /// <summary>Waits until nothing else is done with the model; <see cref="EndTurn"/> must follow.</summary>
    public Task TakeTurnAsync(CancellationToken cancellation) => _turn.WaitAsync(cancellation);

    public void EndTurn() => _turn.Release();

    /// <summary>Completes when nothing that was replaced or unloaded is left.</summary>
    public Task WhenDrainedAsync()
    {
        lock (_lock) return Task.WhenAll(_drains);
    }

    /// <summary>Completes when what was replaced or unloaded, and has not drained yet, leaves memory for another load: at once, unless loads and slow requests have piled up.</summary>
    /// <param name="most">Drains that may be under way besides.</param>
    /// <param name="mostBytes">Bytes that the files of what drains may have.</param>
    public async Task WhenRoomAsync(int most, long mostBytes, CancellationToken cancellation)
    {
        while (true)
        {
            Task next;
            lock (_lock)
            {
                _drains.RemoveAll(static drain => drain.IsCompleted);
                if (_drains.Count == 0 || (_drains.Count <= most && _draining.Sum(static model => model.FileBytes) <= mostBytes)) return;
                next = Task.WhenAny(_drains);
            }

            await next.WaitAsync(cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Opens the versions that are to be served.</summary>
    /// <returns>Null when they are served as they are: nothing has changed since.</returns>
    public LoadAttempt? Open(IReadOnlyList<string> folders, LoadOverride? given)
    {
        lock (_lock) _isForgotten = false;
        LoadAttempt attempt = new(name, loader);
        attempt.Look(folders);
        if (given is null && _isGood && IsServed && attempt.Stamp is not null && attempt.Stamp == Stamp) return null;
        attempt.Open(folders, given, SetLoading);
        return attempt;
    }

    /// <summary>Starts what was opened, and has it served in place of what was.</summary>
    /// <param name="isOwn">Whether it is what lies in the repository, so that it need not be loaded again until that changes.</param>
    public void Finish(LoadAttempt attempt, bool isOwn)
    {
        attempt.Start(CountersOf);
        foreach (LoadedModel model in attempt.Loaded) model.Model.Batcher.Observer = (instance, problem) => LogInstance(model.Version, instance, problem);
        List<LoadedModel> replaced;
        bool isRefused;
        lock (_lock)
        {
            isRefused = _stopping.IsCancellationRequested || (attempt.Failures.Count > 0 && _served.Count > 0);
            replaced = isRefused ? attempt.Loaded : _served;
            if (isRefused) NoteFailureUnderLock(attempt);
            else PublishUnderLock(attempt);
            _isGood = !isRefused && attempt.Failures.Count == 0;
            Stamp = isOwn && (_isGood || !attempt.DependsOnServer) ? attempt.Stamp : null;
        }

        foreach (LoadedModel model in isRefused ? [] : attempt.Loaded)
        {
            LogReady(logger, name, model.Version, model.Model.Device, model.Model.Batcher.Latency.BestBatchRows, model.LoadDuration.TotalMilliseconds);
        }

        foreach (LoadFailure failure in attempt.Failures)
        {
            if (failure.Version == 0) LogModelUnavailable(logger, name, failure.Reason);
            else LogVersionUnavailable(logger, name, failure.Version, failure.Reason);
        }

        Drain(replaced);
    }

    /// <summary>Serves nothing any more.</summary>
    /// <param name="isForgotten">Whether the model is not to be known any more either, once it has drained.</param>
    public void Unload(bool isForgotten)
    {
        List<LoadedModel> unloaded;
        lock (_lock)
        {
            _isForgotten = isForgotten;
            unloaded = _served;
            _served = [];
            Stamp = null;
            foreach (ModelStatus status in _statuses.Values.Where(status => status.Model is not null).ToArray())
            {
                _statuses[status.Version] = status with { State = ModelState.Unloading, Reason = "", Model = null };
            }

            PublishUnderLock();
        }

        Drain(unloaded);
    }

    /// <summary>Stops everything for good, what is being loaded included.</summary>
    /// <returns>Requests that were accepted and not served.</returns>
    public async Task<int> StopAsync(TimeSpan grace)
    {
        LoadedModel[] all;
        lock (_lock)
        {
            _stopping.Cancel();
            all = [.. _served, .. _draining];
        }

        int[] abandoned = await Task.WhenAll(all.Select(model => model.StopAsync(grace))).ConfigureAwait(false);
        await WhenDrainedAsync().ConfigureAwait(false);
        foreach (LoadedModel model in all.Where(model => model.Model.Batcher.HasHung)) LogHung(logger, name, model.Version, DynamicBatcher.CutShortPatience.TotalSeconds);
        return abandoned.Sum();
    }

    private ModelStatistics? CountersOf(long version)
    {
        lock (_lock) return _served.FirstOrDefault(model => model.Version == version)?.Model.Batcher.Statistics;
    }

    private void SetLoading(IReadOnlyList<ModelSource> sources)
    {
        lock (_lock)
        {
            foreach (ModelSource source in sources)
            {
                if (_served.All(model => model.Version != source.Version)) _statuses[source.Version] = new ModelStatus(name, source.Version, ModelState.Loading, "", null, TimeSpan.Zero);
            }

            // What is served goes on alone in the catalog: that another version is being loaded beside it makes nobody wait.
            if (_served.Count == 0) PublishUnderLock();
        }
    }

    /// <summary>Makes the attempt's versions those that are served.</summary>
    private void PublishUnderLock(LoadAttempt attempt)
    {
        HashSet<long> leaving = [.. _served.Select(model => model.Version)];
        foreach (ModelStatus status in _statuses.Values.ToArray())
        {
            if (leaving.Contains(status.Version)) _statuses[status.Version] = status with { State = ModelState.Unloading, Reason = "", Model = null };
            else if (status.State == ModelState.Loading || (status.State != ModelState.Unloading && !attempt.Present.Contains(status.Version))) _statuses.Remove(status.Version);
        }

        _served = [.. attempt.Loaded];
        _statuses.Remove(0);
        foreach (LoadFailure failure in attempt.Failures) _statuses[failure.Version] = new ModelStatus(name, failure.Version, ModelState.Unavailable, failure.Reason, null, TimeSpan.Zero);
        foreach (LoadedModel model in _served) _statuses[model.Version] = new ModelStatus(name, model.Version, ModelState.Ready, "", model.Model, model.LoadDuration);

        PublishUnderLock();
    }

    /// <summary>Says of the versions that go on why they do.</summary>
    private void NoteFailureUnderLock(LoadAttempt attempt)
    {
        foreach (ModelStatus status in _statuses.Values.ToArray())
        {
            if (status.State == ModelState.Loading) _statuses.Remove(status.Version);
            else if (status.Model is not null && attempt.Failures.Count > 0) _statuses[status.Version] = status with { Reason = LoadFailure.Summary(attempt.Failures) };
        }

        PublishUnderLock();
    }

    private void PublishUnderLock() => catalog.Replace(name, [.. _statuses.Values]);

    private void Drain(List<LoadedModel> models)
    {
        lock (_lock)
        {
            _drains.RemoveAll(static drain => drain.IsCompleted);
            _draining.AddRange(models);
            if (models.Count > 0) _drains.Add(DrainAsync(models));
            else ForgetUnderLock();
        }
    }

    private async Task DrainAsync(List<LoadedModel> models)
    {
        // What follows takes the lock.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            await Task.WhenAll(models.Select(model => model.Model.Retire())).WaitAsync(DrainTime, TimeProvider.System, _stopping.Token).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            LogDrainTimedOut(logger, name, DrainTime.TotalSeconds);
        }
        catch (OperationCanceledException)
        {
            // The server stops: whoever stops it has said how long requests may take.
        }

        try
        {
            await Task.WhenAll(models.Select(model => model.StopAsync(StopGrace))).ConfigureAwait(false);
            foreach (LoadedModel model in models) LogUnloaded(logger, name, model.Version);
        }
#pragma warning disable CA1031 // Loads may wait for this: it must end, and there is nobody else to tell.
        catch (Exception error)
#pragma warning restore CA1031
        {
            LogDrainFailed(logger, name, error);
        }

        lock (_lock)
        {
            foreach (LoadedModel model in models) _draining.Remove(model);
            foreach (ModelStatus status in _statuses.Values.Where(status => status.State == ModelState.Unloading).ToArray())
            {
                if (_draining.Any(model => model.Version == status.Version)) continue;
                _statuses[status.Version] = status with { State = ModelState.Unavailable, Reason = ModelStatus.Unloaded, LoadDuration = TimeSpan.Zero };
            }

            ForgetUnderLock();
            PublishUnderLock();
        }

        NativeHeap.Trim();
    }

    /// <summary>Knows nothing of the model any more, if it is gone for good and nothing of it is left.</summary>
    private void ForgetUnderLock()
    {
        if (!_isForgotten || _served.Count > 0 || _draining.Count > 0) return;
        _statuses.Clear();
        PublishUnderLock();
    }

    private void LogInstance(long version, int instance, string? problem)
    {
        if (problem is null) LogInstanceBack(logger, name, version, instance);
        else LogInstanceLost(logger, name, version, instance, problem);
    }

    [LoggerMessage(
        1001, LogLevel.Information, "Model {Model} version {Version} is ready on {Device}, best batch {BestBatchRows} rows, after {Milliseconds:F0} ms", EventName = "ModelReady")]
    private static partial void LogReady(ILogger logger, string model, long version, string device, int bestBatchRows, double milliseconds);

    [LoggerMessage(1002, LogLevel.Error, "Model {Model} version {Version} is unavailable: {Reason}", EventName = "VersionUnavailable")]
    private static partial void LogVersionUnavailable(ILogger logger, string model, long version, string reason);

    [LoggerMessage(1003, LogLevel.Error, "Model {Model} is unavailable: {Reason}", EventName = "ModelUnavailable")]
    private static partial void LogModelUnavailable(ILogger logger, string model, string reason);

    [LoggerMessage(1004, LogLevel.Warning, "Model {Model} version {Version}: a run did not end within {Seconds} s of being cut short, and is left alone", EventName = "RunHung")]
    private static partial void LogHung(ILogger logger, string model, long version, double seconds);

    [LoggerMessage(1005, LogLevel.Information, "Model {Model} version {Version} has been unloaded", EventName = "ModelUnloaded")]
    private static partial void LogUnloaded(ILogger logger, string model, long version);

    [LoggerMessage(1006, LogLevel.Warning, "Model {Model}: requests did not end within {Seconds} s of its replacement, and are refused", EventName = "DrainTimedOut")]
    private static partial void LogDrainTimedOut(ILogger logger, string model, double seconds);

    [LoggerMessage(1007, LogLevel.Error, "Model {Model}: a replaced version could not be stopped", EventName = "DrainFailed")]
    private static partial void LogDrainFailed(ILogger logger, string model, Exception error);

    [LoggerMessage(1011, LogLevel.Error, "Model {Model} version {Version}: instance {Instance} has lost its device and takes no batches until it is back: {Problem}", EventName = "InstanceLost")]
    private static partial void LogInstanceLost(ILogger logger, string model, long version, int instance, string problem);

    [LoggerMessage(1012, LogLevel.Warning, "Model {Model} version {Version}: instance {Instance} has its device again", EventName = "InstanceBack")]
    private static partial void LogInstanceBack(ILogger logger, string model, long version, int instance);
}
