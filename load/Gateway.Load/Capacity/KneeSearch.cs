namespace Gateway.Load.Capacity;

/// <summary>Finds the highest rate that holds: doubles and halves until it lies between two rates, then halves what is between them.</summary>
/// <remarks>
/// A trial near the limit may go either way, so its rate is tried again and two of three decide; one that is clear is believed at once. A clear miss that the search would end
/// at is looked at again, and two of three decide there too: one bad second of the machine's must not end it below the knee. Pure: what a trial is, the caller says.
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

        // The rates that missed, each lower than the one before: where one holds after all, the search goes on below the next.
        Stack<Miss> missed = new();
        double rate = Math.Min(start, most);
        for (int step = 0; step < MostSteps; step++)
        {
            if (Decide(rate, out bool isSure)) holds = rate;
            else missed.Push(new Miss(rate, isSure));
            while (missed.TryPeek(out Miss lowest) && lowest.Rate <= holds * Precision)
            {
                if (lowest.IsSure || !HoldsAfterAll(lowest.Rate)) return holds;
                holds = missed.Pop().Rate;
            }

            double misses = missed.TryPeek(out Miss known) ? known.Rate : double.PositiveInfinity;
            if (holds >= most || misses < start / 1e4) break;
            rate = holds == 0 ? misses / Down
                : double.IsInfinity(misses) ? Math.Min(most, holds * Up)
                : Math.Sqrt(holds * misses);
        }

        return holds;
    }

    /// <param name="isSure">Whether more than one trial said so.</param>
    private bool Decide(double rate, out bool isSure)
    {
        Trial first = measure(rate);
        isSure = !first.IsClear;
        if (first.IsClear) return first.Holds;
        Trial second = measure(rate);
        return first.Holds == second.Holds ? first.Holds : measure(rate).Holds;
    }

    /// <summary>Of a rate that one trial missed, whether two of three hold it.</summary>
    private bool HoldsAfterAll(double rate) => measure(rate).Holds && measure(rate).Holds;

    /// <summary>A rate that missed.</summary>
    /// <param name="IsSure">Whether more than one trial said so.</param>
    private readonly record struct Miss(double Rate, bool IsSure);
}
