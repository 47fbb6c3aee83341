namespace Gateway.Load.Capacity;

/// <summary>Finds the highest rate that holds: doubles and halves until it lies between two rates, then halves what is between them.</summary>
/// <remarks>
/// A trial near the limit may go either way, so its rate is tried again and two of three decide; one that is clear is believed at once. Pure: what a trial is, the
/// caller says.
/// </remarks>
internal sealed class KneeSearch(Func<double, KneeSearch.Trial> measure)
{
    // What is between the two rates at the end: half of what repeated searches are to agree within.
    private const double Precision = 1.04;

    // Steps while the rate is not yet between two.
    private const double Up = 1.3;
    private const double Down = 1.6;
    private const int MostSteps = 24;

    /// <summary>What came of a rate.</summary>
    /// <param name="IsClear">Whether it was far from the objective, on either side.</param>
    internal readonly record struct Trial(bool Holds, bool IsClear);

    /// <param name="start">A rate to begin with, above 0.</param>
    /// <param name="most">The highest to try: what the client can offer.</param>
    /// <returns>The highest rate that was seen to hold; 0 when none was.</returns>
    public double Find(double start, double most)
    {
        double holds = 0;
        double misses = double.PositiveInfinity;
        double rate = Math.Min(start, most);
        for (int step = 0; step < MostSteps; step++)
        {
            if (Decide(rate)) holds = rate;
            else misses = rate;
            if (holds >= most || misses < start / 1e4) break;
            if (holds > 0 && misses / holds <= Precision) break;
            rate = holds == 0 ? misses / Down
                : double.IsInfinity(misses) ? Math.Min(most, holds * Up)
                : Math.Sqrt(holds * misses);
        }

        return holds;
    }

    private bool Decide(double rate)
    {
        Trial first = measure(rate);
        if (first.IsClear) return first.Holds;
        Trial second = measure(rate);
        return first.Holds == second.Holds ? first.Holds : measure(rate).Holds;
    }
}
