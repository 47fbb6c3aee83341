using Gateway.Core.Execution;
using Gateway.Core.Scheduling;

namespace Gateway.Core.Models;

/// <summary>Measures what batches of different sizes take on a device, upload and download included, where shapes are fixed.</summary>
/// <remarks>
/// The two ends come first and then what lies between, so that a curve whose measuring is cut short has a shape all the same: one that ended at a few rows would
/// keep batches at a few rows.
/// </remarks>
internal static class DeviceProfiler
{
    // Sizes are worth some start-up time, once: what is found is kept from start to start. A software device, or a very large model, gets no further than the ends.
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(2);

    // For all, the first run of each size among it, which compiles kernels for as long as a driver likes.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(15);

    // After the first; the shortest is what the device can do.
    private const int RunsASize = 3;
    private const int Ends = 2;

    /// <param name="allowed">Sizes that batches are padded to; none for any size.</param>
    /// <param name="files">See <see cref="ModelDigest.OfFiles"/>.</param>
    /// <param name="cache">Where earlier measurements may be found and this one is kept; null for nowhere.</param>
    public static void Profile(
        ModelSource source, byte[] files, ModelLayout layout, IReadOnlyList<int> allowed, IReadOnlyList<IModelExecutor> group, LatencyModel latency, TimeProvider time, ProfileCache? cache)
    {
        IModelExecutor executor = group[0];
        int[] sizes = [.. allowed.Count > 0 ? allowed : latency.Sizes];

        // Whatever is known of their times: sizes that have not been run on each instance would be run for the first time by requests.
        if (executor.Placement.PaysForNewSizes) sizes = [.. Prepare(sizes, group, latency, time)];
        ProfileKey key = ProfileKey.Of(source, files, executor.Placement, layout.MaxBatchRows, sizes);
        IReadOnlyDictionary<int, long>? known = cache?.Find(key);
        if (known is null)
        {
            (Dictionary<int, long> measured, bool isWhole) = Measure(sizes, executor, latency, time);
            known = measured;
            if (isWhole && measured.Count > 0) cache?.Keep(key, measured);
        }

        foreach ((int rows, long nanoseconds) in known) latency.Profile(rows, (long)(nanoseconds / 1e9 * time.TimestampFrequency));
        if (known.Count > 0) latency.EndProfile();
    }

    /// <summary>Has all instances run all sizes, as far as there is time and the device has memory for them.</summary>
    /// <returns>The sizes that the device has memory for.</returns>
    internal static IEnumerable<int> Prepare(int[] sizes, IReadOnlyList<IModelExecutor> group, LatencyModel latency, TimeProvider time)
    {
        long start = time.GetTimestamp();
        foreach (int rows in EndsFirst(sizes).Where(rows => rows <= latency.MostRows))
        {
            if (time.GetElapsedTime(start) > Limit) break;
            HasMemoryFor(rows, sizes, latency, time, () =>
            {
                foreach (IModelExecutor executor in group) executor.Prepare(rows);
            });
        }

        return sizes.Where(rows => rows <= latency.MostRows);
    }

    /// <summary>Runs so many rows. Where there is not the memory for them, batches are to have no more than the next smaller size, as when it happens while the model is served.</summary>
    /// <exception cref="ExecutionException">The run failed, for want of memory only where there is no smaller size.</exception>
    private static bool HasMemoryFor(int rows, int[] sizes, LatencyModel latency, TimeProvider time, Action run)
    {
        try
        {
            run();
            return true;
        }
        catch (ExecutionException error) when (error.Failure == ExecutionFailure.OutOfMemory && rows > sizes[0])
        {
            latency.LimitRows(DeviceSizes.Below(sizes, rows));
            latency.MemoryRetry.OnFailed(time.GetTimestamp());
            return false;
        }
    }

    /// <summary>First, last, middle, then the middles of what is left.</summary>
    internal static IEnumerable<int> EndsFirst(int[] sizes)
    {
        if (sizes.Length == 0) yield break;
        yield return sizes[0];
        if (sizes.Length == 1) yield break;
        yield return sizes[^1];
        Queue<(int From, int To)> gaps = new([(0, sizes.Length - 1)]);
        while (gaps.TryDequeue(out (int From, int To) gap))
        {
            if (gap.To - gap.From < 2) continue;
            int middle = (gap.From + gap.To) / 2;
            yield return sizes[middle];
            gaps.Enqueue((middle, gap.To));
            gaps.Enqueue((gap.From, middle));
        }
    }

    /// <returns>What each size took, as far as there is memory for it, and whether that is all that there is to know, here and at the next load.</returns>
    internal static (Dictionary<int, long> Nanoseconds, bool IsWhole) Measure(int[] sizes, IModelExecutor executor, LatencyModel latency, TimeProvider time)
    {
        Dictionary<int, long> nanoseconds = [];
        long start = time.GetTimestamp();
        TimeSpan spent = TimeSpan.Zero;
        bool isWhole = true;
        foreach (int rows in EndsFirst(sizes).Where(rows => rows <= latency.MostRows))
        {
            if (nanoseconds.Count >= Ends && (spent > Budget || time.GetElapsedTime(start) > Limit)) return (nanoseconds, false);
            bool isFixed = true;
            if (!HasMemoryFor(rows, sizes, latency, time, () => isFixed = executor.TryMeasure(rows, out _)))
            {
                // There may be more by then.
                isWhole = false;
                continue;
            }

            if (!isFixed) return (nanoseconds, false);
            long best = long.MaxValue;
            for (int i = 0; i < RunsASize && (i == 0 || spent <= Budget); i++)
            {
                executor.TryMeasure(rows, out long ticks);
                best = Math.Min(best, ticks);
                spent += time.GetElapsedTime(0, ticks);
            }

            nanoseconds[rows] = (long)time.GetElapsedTime(0, best).TotalNanoseconds;
        }

        return (nanoseconds, isWhole);
    }
}
