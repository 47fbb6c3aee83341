namespace Gateway.TestSupport.Simulation;

/// <summary>What came of a simulation, its first tenth left out.</summary>
public sealed class SimulationResult(SimulationSetup setup)
{
    public double Nanoseconds { get; set; }

    /// <summary>Time for which instances stood still, of all of it: what stalls alone cost.</summary>
    public double StalledNanoseconds { get; set; }

    /// <summary>Requests whose first attempt came in the part that counts.</summary>
    public long Offered { get; set; }

    /// <summary>All requests that came, but for attempts after the first.</summary>
    public long Arrivals { get; set; }

    /// <summary>Rows answered in time; as all rows here, each counts for the work that it is.</summary>
    public double RowsInTime { get; set; }

    /// <summary>Rows offered.</summary>
    public double RowsOffered { get; set; }

    /// <summary>Rows run and answered late, or of requests that were refused before all of theirs had been.</summary>
    public double RowsWasted { get; set; }

    /// <summary>Requests answered, in time or late, by class.</summary>
    public long[] AnsweredByClass { get; } = new long[setup.Classes.Count];

    public long Refused { get; set; }

    /// <summary>Nanoseconds from arrival to refusal, in order once <see cref="Sort"/> was called.</summary>
    public List<double> RefusalTimes { get; } = [];

    /// <summary>Nanoseconds from arrival to answer, of all that were answered.</summary>
    public List<double> AnswerTimes { get; } = [];

    /// <summary>Answered in time, by class.</summary>
    public long[] InTimeByClass { get; } = new long[setup.Classes.Count];

    /// <summary>Offered, by class.</summary>
    public long[] OfferedByClass { get; } = new long[setup.Classes.Count];

    /// <summary>Rows in time, over what the instances can do.</summary>
    public double Goodput => RowsInTime / (setup.Capacity * Nanoseconds);

    /// <summary>Rows in time over rows offered.</summary>
    public double ShareInTime => RowsInTime / Math.Max(1, RowsOffered);

    /// <summary>Rows run for nothing over rows run.</summary>
    public double Wasted => RowsWasted / Math.Max(1, RowsWasted + RowsInTime);

    /// <summary>Rows answered in time, by class.</summary>
    public long[] RowsByClass { get; } = new long[setup.Classes.Count];

    public void CountInTime(SimulatedRequest request)
    {
        RowsInTime += request.Rows * request.Class.Work;
        RowsByClass[request.ClassIndex] += request.Rows;
        InTimeByClass[request.ClassIndex]++;
    }

    /// <summary>Of the requests of a class that were answered, those that were too late.</summary>
    public double LateOf(int index) => 1 - (InTimeByClass[index] / (double)Math.Max(1, AnsweredByClass[index]));

    public double ServedOf(int index) => InTimeByClass[index] / (double)Math.Max(1, OfferedByClass[index]);

    public void Sort()
    {
        RefusalTimes.Sort();
        AnswerTimes.Sort();
    }

    public static double Percentile(List<double> sorted, double share) => sorted.Count == 0 ? 0 : sorted[Math.Min(sorted.Count - 1, (int)(share * sorted.Count))];
}
