namespace Gateway.Client.Endpoints;

/// <summary>How long to leave an endpoint alone: doubled with each failure in a row, half of it random, so that clients do not come back all at once.</summary>
/// <remarks><b>Threading</b>: its owner's lock.</remarks>
internal sealed class BackOff(TimeSpan least, TimeSpan most)
{
    private int _failures;

    /// <summary>Notes a failure.</summary>
    /// <param name="random">From 0 to 1.</param>
    /// <returns>The pause before the next attempt.</returns>
    public TimeSpan Fail(double random)
    {
        // Doubled thirty times anything is longer than the longest pause.
        double full = Math.Min(most.TotalSeconds, least.TotalSeconds * Math.Pow(2, Math.Min(_failures++, 30)));
        return TimeSpan.FromSeconds(full * (0.5 + (0.5 * random)));
    }

    public void Succeed() => _failures = 0;
}
