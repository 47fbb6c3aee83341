namespace Gateway.Core.Scheduling;

/// <summary>What a run of so many rows takes on this model's instances: profiled at load, learned from every batch since.</summary>
/// <remarks>
/// <b>Behaviour</b>: one mean a batch size, moved by max(0.1, 1/n) of each sample's difference, each sample clipped to a quarter to four times the mean so that a
/// stall does not unlearn it (weights and clip from the simulation that chose them). Between sizes seen, a straight line.
/// <b>Threading</b>: any thread; samples are rare (one a batch) and take a lock, estimates read without it and may be one sample behind.
/// </remarks>
public sealed class LatencyModel
{
    // A size is as good as the best when it is within 1 % of its rows a second, as in the simulation that chose the policy. 3 % cost a convolutional model of
    // 0.07 ms a row 5 to 9 % of its throughput (2026-11-25): smaller batches also mean more wake-ups and colder caches than a profile sees.
    private const double AsGoodAsBest = 0.99;

    private readonly Lock _lock = new();
    private readonly double[] _means;
    private readonly int[] _samples;
    private int _bestBatchRows;

    public LatencyModel(int maxBatchRows)
    {
        _means = new double[maxBatchRows + 1];
        _samples = new int[maxBatchRows + 1];
        _bestBatchRows = maxBatchRows;
    }

    /// <summary>Smallest batch that makes nearly as many rows a second as any: batches need not be larger.</summary>
    public int BestBatchRows => Volatile.Read(ref _bestBatchRows);

    /// <summary>Expected ticks of a run of <paramref name="rows"/> rows; 0 while nothing is known.</summary>
    public long Estimate(int rows)
    {
        if (_samples[rows] > 0) return (long)_means[rows];
        int below = rows;
        while (below > 0 && _samples[below] == 0) below--;
        int above = rows;
        while (above < _means.Length && _samples[above] == 0) above++;
        if (above == _means.Length) return below == 0 ? 0 : (long)(_means[below] * rows / below);
        if (below == 0) return (long)_means[above];
        return (long)(_means[below] + ((_means[above] - _means[below]) * (rows - below) / (above - below)));
    }

    /// <summary>Learns from a run of <paramref name="rows"/> rows, padding included, that took <paramref name="ticks"/>.</summary>
    public void Record(int rows, long ticks)
    {
        lock (_lock)
        {
            int n = ++_samples[rows];
            double mean = _means[rows];
            double sample = n == 1 ? ticks : Math.Clamp(ticks, mean / 4, mean * 4);
            _means[rows] = n == 1 ? sample : mean + (Math.Max(0.1, 1.0 / n) * (sample - mean));
        }
    }

    /// <summary>Works out <see cref="BestBatchRows"/> from what is known by now; called when a model has been profiled.</summary>
    public void ChooseBestBatchRows()
    {
        lock (_lock)
        {
            double best = 0;
            for (int rows = 1; rows < _means.Length; rows++)
            {
                if (_samples[rows] > 0 && _means[rows] > 0) best = Math.Max(best, rows / _means[rows]);
            }

            for (int rows = 1; rows < _means.Length; rows++)
            {
                if (_samples[rows] == 0 || !(rows / _means[rows] >= AsGoodAsBest * best)) continue;
                Volatile.Write(ref _bestBatchRows, rows);
                return;
            }
        }
    }
}
