using System.Globalization;
using Gateway.Core.Features;
using Gateway.Protocol;

namespace Gateway.Features;

/// <summary>Loads the files that views name as their sources, when the server starts.</summary>
/// <remarks>
/// <b>Behaviour</b>: after what was kept on disk has been taken over, and only if a file has changed since it was loaded last (by its length and time), or rows may have been lost since. Of one that has not changed only what is missing is put:
/// what clients have put and deleted since stays. A file that cannot be loaded makes its
/// view unavailable: with a part of its rows it would answer for keys that it does not know. <b>Threading</b>: one run.
/// </remarks>
internal sealed partial class FeatureSources(FeatureViews views, ILogger<FeatureSources> logger)
{
    // Later than all that was.
    private const long Never = long.MaxValue;

    /// <summary>Completes when all views are ready, or cannot be.</summary>
    public Task RunAsync(CancellationToken cancellation) => Task.WhenAll(views.All.Select(view => Task.Run(() => LoadAsync(view, cancellation), CancellationToken.None)));

    private async Task LoadAsync(FeatureView view, CancellationToken cancellation)
    {
        await view.WhenRestored.ConfigureAwait(false);
        if (view.Problem is not null) return;
        try
        {
            IReadOnlyList<LoadedFile> before = view.ReadLoaded();
            List<LoadedFile> loaded = [];

            // Of a key that several have, the one that was loaded last counts.
            foreach ((string path, LoadedFile file) in view.Config.Sources.Select(path => (Path: path, File: LastLoad(before, Describe(path)))).OrderBy(source => source.File.Order))
            {
                bool isNew = file.Order == Never;
                loaded.Add(file with { Order = isNew ? view.Order : file.Order, IsDoubted = false });
                if (!isNew && !file.IsDoubted) continue;
                long rows = await LoadAsync(view, path, isNew ? null : file.Order, cancellation).ConfigureAwait(false);
                view.CountLoad(rows);
                LogLoaded(logger, view.Name, rows, path);
            }

            if (loaded.Count > 0) view.WriteLoaded(loaded);
            view.Open();
        }
        catch (OperationCanceledException)
        {
            view.Fail("the server was stopped while it was loaded");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or InvalidDataException or InferenceException)
        {
            view.Fail(error.Message);
        }
    }

    /// <param name="since">Rows of a higher order stay; null to put all.</param>
    private static async Task<long> LoadAsync(FeatureView view, string file, long? since, CancellationToken cancellation)
    {
        try
        {
            using IFeatureSource source = FeatureFiles.Open(file, view.Config);
            FeatureBatch batch = new(view.Config);
            long rows = 0;
            for (bool hasMore = true; hasMore; batch.Clear())
            {
                cancellation.ThrowIfCancellationRequested();
                while (!batch.IsFull && (hasMore = source.TryNext(batch)))
                {
                }

                if (batch.Count == 0) continue;
                Task<FeatureChange> putting = since is { } order ? view.PutMissingAsync(batch.Keys, batch.Rows, batch.Count, order) : view.PutAsync(batch.Keys, batch.Rows, batch.Count);
                FeatureChange put = await putting.ConfigureAwait(false);
                rows += put.Created + put.Replaced;
            }

            return rows;
        }
        catch (Exception error) when (error is InvalidDataException or InferenceException)
        {
            throw new InvalidDataException($"{file}: {error.Message}");
        }
    }

    /// <summary>What is known of a file from when it was loaded as it is now; of one that was not, that it is the last to be.</summary>
    private static LoadedFile LastLoad(IReadOnlyList<LoadedFile> before, string file) => before.FirstOrDefault(each => each.File == file) is { File: not null } found ? found : new LoadedFile(file, Never);

    /// <summary>A file as it is now, in a line.</summary>
    private static string Describe(string file)
    {
        FileInfo info = new(file);
        return string.Create(CultureInfo.InvariantCulture, $"{info.Length} {info.LastWriteTimeUtc.Ticks} {Path.GetFileName(file)}");
    }

    [LoggerMessage(7110, LogLevel.Information, "Feature view {View} has loaded {Rows} rows from {File}", EventName = "FeaturesLoaded")]
    private static partial void LogLoaded(ILogger logger, string view, long rows, string file);
}
