using Gateway.Core.Execution;

namespace Gateway.OnnxRuntime.Backend;

/// <summary>Times a model's run for the choice of its thread count.</summary>
internal static class ThreadTrial
{
    // The shortest of a few runs says what the hardware can do; the first one pays for arenas and caches.
    private const int Trials = 5;

    // Start-up time that one trial may take; a model whose single run takes longer is timed once.
    private static readonly TimeSpan Budget = TimeSpan.FromMilliseconds(10);

    /// <returns>Ticks of the fastest run; -1 when the model's shapes are not fixed.</returns>
    public static long BestOf(IModelExecutor executor, int rows, TimeProvider time)
    {
        if (!executor.TryMeasure(rows, out _)) return -1;
        long start = time.GetTimestamp();
        long best = long.MaxValue;
        for (int i = 0; i < Trials && (i == 0 || time.GetElapsedTime(start) < Budget); i++)
        {
            executor.TryMeasure(rows, out long ticks);
            best = Math.Min(best, ticks);
        }

        return best;
    }
}
