namespace Gateway.TestSupport;

/// <summary>Uses one model after another in ways drawn at random, and watches that no request is lost and no row mixed up.</summary>
/// <remarks>The same seed draws the same models and requests; how the threads interleave is the machine's.</remarks>
public static class StressRun
{
    // They take some ten times as long as the other models.
    private const int LivesForAPingPong = 20;

    /// <param name="seed">Draws everything.</param>
    /// <param name="duration">How long to begin new models; the last one is finished.</param>
    /// <param name="mixesRowsUp">Whether the models are to swap rows: the control that has to be detected.</param>
    /// <returns>What was seen. The run ends early at the first violation.</returns>
    public static async Task<StressTally> RunAsync(int seed, TimeSpan duration, bool mixesRowsUp = false)
    {
        StressTally tally = new();
        Random random = new(seed);
        TimeProvider time = TimeProvider.System;
        long began = time.GetTimestamp();
        do
        {
            StressLife life = new(random.Next(), mixesRowsUp, tally);
            await life.RunAsync().ConfigureAwait(false);
            tally.CountLife();
            if (mixesRowsUp || tally.Lives % LivesForAPingPong != 1) continue;
            await new StressPingPong(random.Next(), tally).RunAsync().ConfigureAwait(false);
            tally.CountLife();
        }
        while (tally.Violations.Count == 0 && time.GetElapsedTime(began) < duration);

        return tally;
    }
}
