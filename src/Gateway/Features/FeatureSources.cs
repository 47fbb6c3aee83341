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
    /// <summary>Completes when all views are ready, or cannot be.</summary>
    public Task RunAsync(CancellationToken cancellation) => Task.WhenAll(views.All.Select(view => Task.Run(() => LoadAsync(view, cancellation), CancellationToken.None)));

    private async Task LoadAsync(FeatureView view, CancellationToken cancellation)
    {
        await view.WhenRestored.ConfigureAwait(false);
        if (view.Problem is not null) return;
        try
        {
            string[] files = [.. view.Config.Sources.Select(Describe)];
            IReadOnlyList<string> before = view.ReadLoaded();
            IReadOnlyList<string> partly = view.ReadLoadedPartly();
            for (int i = 0; i < files.Length; i++)
            {
                if (before.Contains(files[i])) continue;
                long rows = await LoadAsync(view, view.Config.Sources[i], onlyMissing: partly.Contains(files[i]), cancellation).ConfigureAwait(false);
                view.CountLoad(rows);
                LogLoaded(logger, view.Name, rows, view.Config.Sources[i]);
            }

            if (files.Length > 0) view.WriteLoaded(files);
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

    private static async Task<long> LoadAsync(FeatureView view, string file, bool onlyMissing, CancellationToken cancellation)
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
                Task<FeatureChange> putting = onlyMissing ? view.PutMissingAsync(batch.Keys, batch.Rows, batch.Count) : view.PutAsync(batch.Keys, batch.Rows, batch.Count);
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

    /// <summary>A file as it is now, in a line.</summary>
    private static string Describe(string file)
    {
        FileInfo info = new(file);
        return string.Create(CultureInfo.InvariantCulture, $"{info.Length} {info.LastWriteTimeUtc.Ticks} {Path.GetFileName(file)}");
    }

    [LoggerMessage(7110, LogLevel.Information, "Feature view {View} has loaded {Rows} rows from {File}", EventName = "FeaturesLoaded")]
    private static partial void LogLoaded(ILogger logger, string view, long rows, string file);
}
