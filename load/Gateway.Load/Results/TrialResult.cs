namespace Gateway.Load.Results;

/// <summary>A stretch of load at one rate.</summary>
/// <param name="Rate">Calls a second offered; 0 in the closed model.</param>
/// <param name="Throughput">Answers a second.</param>
/// <param name="Goodput">Answers a second within the objective.</param>
/// <param name="ErrorShare">Of the calls: errors, refusals, calls not sent.</param>
/// <param name="Holds">Whether the objective held.</param>
/// <param name="IsCurve">Whether it was measured for the curve alone.</param>
internal sealed record TrialResult(double Rate, double Throughput, double Goodput, double P50Milliseconds, double P90Milliseconds, double P99Milliseconds, double P999Milliseconds, double ErrorShare, bool Holds, bool IsCurve)
{
    /// <summary>At the objective's percentile.</summary>
    public double ObjectiveMilliseconds { get; init; }

    public double ServerCpuCores { get; init; } = -1;

    public double BatchRows { get; init; }

    public double QueueMilliseconds { get; init; }

    public double InstancesBusy { get; init; }

    public double ClientBusy { get; init; }

    /// <summary>Why it was ended early; null when it was not.</summary>
    public string? Hopeless { get; init; }
}
