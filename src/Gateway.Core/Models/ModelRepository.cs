using Gateway.Core.Caching;
using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Scheduling;
using Microsoft.Extensions.Logging;

namespace Gateway.Core.Models;

/// <summary>The folders that models are served from, and the models that are.</summary>
/// <remarks>
/// <b>Behaviour</b>: a model that cannot be served is UNAVAILABLE with its reason in the catalog, and hinders no other. Files are opened and checked
/// several at a time; instances are made one model at a time, because they are measured then. <b>Threading</b>: loading and stopping by one caller.
/// </remarks>
public sealed partial class ModelRepository(
    IReadOnlyList<string> directories, ModelCatalog catalog, IExecutionBackend backend, BlockPool pool, TimeProvider time, ILogger<ModelRepository> logger,
    ResponseCache? cache = null,
    ProfileCache? profiles = null)
{
    private readonly ModelLoader _loader = new(backend, pool, time, cache, profiles);
    private readonly List<LoadedModel> _loaded = [];

    /// <summary>Loads every model of every folder.</summary>
    public async Task LoadAllAsync(CancellationToken cancellation)
    {
        List<OpenedModel> opened = [];
        await Parallel.ForEachAsync(
            Find(),
            new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellation },
            (found, _) =>
            {
                foreach (OpenedModel model in OpenVersions(found))
                {
                    lock (opened) opened.Add(model);
                }

                return ValueTask.CompletedTask;
            }).ConfigureAwait(false);

        foreach (OpenedModel model in opened.OrderBy(each => each.Source.Name, StringComparer.Ordinal).ThenBy(each => each.Source.Version))
        {
            cancellation.ThrowIfCancellationRequested();
            Start(model);
        }
    }

    /// <summary>Says of every model version whether it could be served, without serving it: files are opened and checked, nothing is run.</summary>
    /// <returns>A status for each; <see cref="ModelState.Ready"/> for those that could.</returns>
    public IReadOnlyList<ModelStatus> CheckAll()
    {
        foreach (FoundModel found in Find())
        {
            foreach (OpenedModel model in OpenVersions(found))
            {
                model.File.Dispose();
                catalog.Set(new ModelStatus(model.Source.Name, model.Source.Version, ModelState.Ready, "", null, TimeSpan.Zero));
            }
        }

        return catalog.Index;
    }

    /// <summary>Stops accepting, finishes what was accepted within the grace time, and closes every model.</summary>
    /// <returns>Requests that were accepted and not served.</returns>
    public async Task<int> StopAsync(TimeSpan grace)
    {
        int[] abandoned = await Task.WhenAll(_loaded.Select(model => model.StopAsync(grace))).ConfigureAwait(false);
        foreach (LoadedModel model in _loaded.Where(model => model.Model.Batcher.HasHung))
        {
            LogHung(logger, model.Model.Name, model.Model.Version, DynamicBatcher.CutShortPatience.TotalSeconds);
        }

        _loaded.Clear();
        return abandoned.Sum();
    }

    private List<FoundModel> Find()
    {
        List<FoundModel> found = [];
        foreach (IGrouping<string, string> same in directories.SelectMany(Directory.EnumerateDirectories).GroupBy(directory => Path.GetFileName(directory)))
        {
            if (same.Key.StartsWith('.')) continue;
            string[] places = [.. same];
            if (places.Length == 1) found.Add(new FoundModel(same.Key, places[0]));
            else Fail(same.Key, 0, $"it is in more than one repository: {string.Join(", ", places)}", TimeSpan.Zero);
        }

        return found;
    }

    private List<OpenedModel> OpenVersions(FoundModel found)
    {
        List<OpenedModel> opened = [];
        long start = time.GetTimestamp();
        try
        {
            ModelFolder folder = ModelFolder.Read(found.Directory);
            foreach (ModelSource source in folder.ChooseVersions())
            {
                catalog.Set(new ModelStatus(source.Name, source.Version, ModelState.Loading, "", null, TimeSpan.Zero));
                try
                {
                    opened.Add(_loader.Open(folder, source));
                }
                catch (Exception error)
                {
                    // Whatever is wrong with a model, it must not stop the others: not only what the loader has words for.
                    Fail(source.Name, source.Version, error.Message, time.GetElapsedTime(start));
                }
            }
        }
        catch (Exception error)
        {
            Fail(found.Name, 0, error.Message, time.GetElapsedTime(start));
        }

        return opened;
    }

    private void Start(OpenedModel opened)
    {
        long start = time.GetTimestamp();
        try
        {
            LoadedModel loaded = _loader.Start(opened);
            _loaded.Add(loaded);
            loaded.Model.Batcher.Observer = (instance, problem) =>
            {
                if (problem is null) LogInstanceBack(logger, opened.Source.Name, opened.Source.Version, instance);
                else LogInstanceLost(logger, opened.Source.Name, opened.Source.Version, instance, problem);
            };
            TimeSpan took = time.GetElapsedTime(start);
            catalog.Set(new ModelStatus(opened.Source.Name, opened.Source.Version, ModelState.Ready, "", loaded.Model, took));
            LogReady(logger, opened.Source.Name, opened.Source.Version, loaded.Model.Device, loaded.Model.Batcher.Latency.BestBatchRows, took.TotalMilliseconds);
        }
        catch (Exception error)
        {
            Fail(opened.Source.Name, opened.Source.Version, error.Message, time.GetElapsedTime(start));
        }
    }

    private void Fail(string name, long version, string reason, TimeSpan took)
    {
        catalog.Set(new ModelStatus(name, version, ModelState.Unavailable, reason, null, took));
        if (version > 0) LogVersionUnavailable(logger, name, version, reason);
        else LogModelUnavailable(logger, name, reason);
    }

    [LoggerMessage(
        1001, LogLevel.Information, "Model {Model} version {Version} is ready on {Device}, best batch {BestBatchRows} rows, after {Milliseconds:F0} ms", EventName = "ModelReady")]
    private static partial void LogReady(ILogger logger, string model, long version, string device, int bestBatchRows, double milliseconds);

    [LoggerMessage(1002, LogLevel.Error, "Model {Model} version {Version} is unavailable: {Reason}", EventName = "VersionUnavailable")]
    private static partial void LogVersionUnavailable(ILogger logger, string model, long version, string reason);

    [LoggerMessage(1004, LogLevel.Warning, "Model {Model} version {Version}: a run did not end within {Seconds} s of being cut short, and is left alone", EventName = "RunHung")]
    private static partial void LogHung(ILogger logger, string model, long version, double seconds);

    [LoggerMessage(1003, LogLevel.Error, "Model {Model} is unavailable: {Reason}", EventName = "ModelUnavailable")]
    private static partial void LogModelUnavailable(ILogger logger, string model, string reason);

    [LoggerMessage(1005, LogLevel.Error, "Model {Model} version {Version}: instance {Instance} has lost its device and takes no batches until it is back: {Problem}", EventName = "InstanceLost")]
    private static partial void LogInstanceLost(ILogger logger, string model, long version, int instance, string problem);

    [LoggerMessage(1006, LogLevel.Warning, "Model {Model} version {Version}: instance {Instance} has its device again", EventName = "InstanceBack")]
    private static partial void LogInstanceBack(ILogger logger, string model, long version, int instance);

    private sealed record FoundModel(string Name, string Directory);
}
