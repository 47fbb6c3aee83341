namespace Gateway.Load.Results;

/// <param name="Name">The settings in short.</param>
/// <param name="Throughput">Answers a second, saturated: the median of the passes, as all figures are.</param>
/// <param name="P99Milliseconds">At the rate at which all settings are compared.</param>
/// <param name="IsBest">Whether no other setting is better in both.</param>
/// <param name="Config">The config.pbtxt.</param>
/// <param name="Problem">Why it could not be measured; null when it was.</param>
internal sealed record TunePoint(string Name, double Throughput, double P50Milliseconds, double P99Milliseconds, bool IsBest, string Config, string? Problem)
{
    /// <summary>Least and most answers a second of a pass; 0 in reports that do not say.</summary>
    public double ThroughputLeast { get; init; }

    public double ThroughputMost { get; init; }

    /// <summary>Likewise of the p99, in milliseconds.</summary>
    public double P99LeastMilliseconds { get; init; }

    public double P99MostMilliseconds { get; init; }

    /// <summary>Whether it is not on the front, but its passes lie so far apart that it may be: none that is better is so in all passes.</summary>
    public bool IsAsGood { get; init; }

    public double BatchRows { get; init; }

    /// <summary>Of the client; 0 in reports that do not say.</summary>
    public int Connections { get; init; }

    /// <summary>Of the calls: refused, failed, never sent; the worse of saturated and at the rate of all. Beyond 1 % it is not on the front.</summary>
    public double MissShare { get; init; }

    /// <summary>Highest rate that holds the objective; 0 where none does, or none was given.</summary>
    public double Knee { get; init; }

    /// <summary>What ended that, as <see cref="CapacityOf.Limit"/>; empty where no knee was searched for.</summary>
    public string Limit { get; init; } = "";
}
