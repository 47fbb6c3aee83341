using Gateway.Core.Scheduling;

namespace Gateway.TestSupport.Simulation;

/// <summary>A model as the simulator knows it: what a batch of so many rows takes. Times in nanoseconds.</summary>
/// <param name="Name">For people.</param>
/// <param name="Points">Rows and milliseconds, ascending; a straight line between, and through the last two beyond.</param>
/// <param name="FrontDoorMilliseconds">Time of the same core that each row takes on its way in and out.</param>
public sealed record SimulatedModel(string Name, int MaxBatchRows, IReadOnlyList<(int Rows, double Milliseconds)> Points, double FrontDoorMilliseconds = 0)
{
    private const double NanosecondsPerMillisecond = 1e6;

    /// <summary>A light perceptron whose front door runs on the same core.</summary>
    public static readonly SimulatedModel Light = new("light", 64, [(1, 0.0131), (8, 0.0285), (64, 0.1624)], 0.016);

    /// <summary>A convolutional network on a CPU: larger batches than four are slower a row.</summary>
    public static readonly SimulatedModel Convolutional = new("conv", 64, [(1, 0.111), (2, 0.194), (4, 0.338), (8, 0.821), (64, 6.67)]);

    /// <summary>Like a GPU: a long start, and hardly more for a full batch than for one row.</summary>
    public static readonly SimulatedModel Gpu = new("gpu", 128, [(1, 4.12), (128, 19.36)]);

    /// <summary>Rows of the smallest batch within 1 % of the most rows a second.</summary>
    public int BestRows
    {
        get
        {
            double best = Enumerable.Range(1, MaxBatchRows).Max(rows => rows / Nanoseconds(rows));
            return Enumerable.Range(1, MaxBatchRows).First(rows => rows / Nanoseconds(rows) >= 0.99 * best);
        }
    }

    /// <summary>Most rows a nanosecond.</summary>
    public double Capacity => Enumerable.Range(1, MaxBatchRows).Max(rows => rows / Nanoseconds(rows));

    public double Nanoseconds(int rows)
    {
        int above = 1;
        while (above < Points.Count - 1 && Points[above].Rows < rows) above++;
        (int lowRows, double low) = Points[above - 1];
        (int highRows, double high) = Points[above];
        return NanosecondsPerMillisecond * (low + ((high - low) * (rows - lowRows) / (highRows - lowRows)) + (FrontDoorMilliseconds * rows));
    }

    /// <summary>What a profile at load would say, wrong by a factor.</summary>
    /// <param name="shape">Another factor, by the rows; null for none.</param>
    /// <param name="elements">Of the rows that it was made with.</param>
    public LatencyModel Profile(double factor, Func<int, double>? shape = null, long elements = 1)
    {
        LatencyModel latency = new(MaxBatchRows);
        foreach (int rows in latency.Sizes) latency.Profile(rows, (long)(factor * (shape?.Invoke(rows) ?? 1) * Nanoseconds(rows)));
        latency.EndProfile(ShapeClasses.Of(elements));
        return latency;
    }
}
