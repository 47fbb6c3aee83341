namespace Gateway.Core.Scheduling;

/// <summary>How many rows are let in, level by level: what a request of a lower level has to expect of those that will come and go before it.</summary>
/// <remarks>A mean over the last <see cref="Batches"/> batches or so, each arrival forgotten exponentially. <b>Cost</b>: O(levels). <b>Threading</b>: under the batcher's lock.</remarks>
internal sealed class LevelLoad(int levels)
{
    /// <summary>Time in which an arrival is forgotten, in best batches.</summary>
    public const int Batches = 16;

    /// <summary>Of the capacity, what is taken to be left for a level however much comes above it.</summary>
    public const double LeastLeft = 1 / 32.0;

    private readonly double[] _rows = new double[levels + 1];
    private readonly long[] _at = new long[levels + 1];

    /// <param name="rows">In rows of the shape class that the latency model's curve is of: longer ones count for more.</param>
    /// <param name="period">Ticks in which an arrival is forgotten.</param>
    public void Admitted(int level, double rows, long now, long period)
    {
        _rows[level] = Left(level, now, period) + rows;
        _at[level] = now;
    }

    /// <summary>Rows a tick at all levels above one, counted likewise.</summary>
    public double Above(int level, long now, long period)
    {
        double rows = 0;
        for (int other = 1; other < level; other++) rows += Left(other, now, period);
        return period <= 0 ? 0 : rows / period;
    }

    private double Left(int level, long now, long period) => _rows[level] == 0 || period <= 0 ? 0 : _rows[level] * Math.Exp(-(now - _at[level]) / (double)period);
}
