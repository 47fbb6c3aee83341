using Gateway.Core.Execution;

namespace Gateway.OnnxRuntime.Backend;

/// <summary>Times a model's run for the choice of its thread count.</summary>
internal static class ThreadTrial
{
    // The shortest of a few runs says what the hardware can do; the first ones pay for arenas and caches.
    private const int WarmUps = 2;
    private const int Trials = 5;

    /// <returns>Ticks of the fastest run; -1 when the model's shapes are not fixed.</returns>
    public static long BestOf(IModelExecutor executor, int rows)
    {
        long best = long.MaxValue;
        for (int i = 0; i < WarmUps + Trials; i++)
        {
            if (!executor.TryMeasure(rows, out long ticks)) return -1;
            if (i >= WarmUps) best = Math.Min(best, ticks);
        }

        return best;
    }
}
