namespace Gateway.Load.Results;

/// <summary>The capacity over one carrier.</summary>
/// <param name="Name">The carrier's.</param>
/// <param name="Knee">Highest rate that holds the objective: the median of those found; 0 when none does.</param>
/// <param name="Knees">Each time it was found.</param>
/// <param name="Spread">Between the least and the most of them, relative to the median.</param>
/// <param name="Saturation">Answers a second when as many calls as useful are always under way; 0 where it was not measured.</param>
/// <param name="Limit">What ended it: server CPU, device, queue, client; and how that was told.</param>
/// <param name="Trials">Every stretch measured, in order.</param>
internal sealed record CapacityOf(string Name, double Knee, IReadOnlyList<double> Knees, double Spread, double Saturation, string Limit, IReadOnlyList<TrialResult> Trials)
{
    /// <summary>Requests in one batch on the average at the knee; 0 where the metrics were not there.</summary>
    public double BatchRows { get; init; }

    /// <summary>Of the client, with which the knee was found; 0 in reports that do not say.</summary>
    public int Connections { get; init; }

    /// <summary>Whether the client was the limit, or had a part of a machine that was full, so that the server's knee may be higher.</summary>
    public bool IsAtLeast { get; init; }

    /// <summary>Calls a second that the client makes over as many connections against a server that does nothing; 0 in reports that do not say.</summary>
    public double ClientRate { get; init; }

    /// <summary>Whether the client was what limited it saturated, so that <see cref="Saturation"/> may be its own.</summary>
    public bool IsSaturationAtLeast { get; init; }

    /// <summary>What a reader must know of it.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>Machines for the rate that was asked for; null where none was, or there is no knee.</summary>
    public MachinePlan? Machines { get; init; }

    /// <summary>What ended it as part of a sentence; also where that is not known.</summary>
    public string LimitText => Limit.StartsWith("not ", StringComparison.Ordinal) ? $"what limited it is {Limit}" : $"limited by {Limit}";

    /// <summary>The saturated rate for people.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public string SaturationText => Saturation > 0 ? $"{(IsSaturationAtLeast ? "≥ " : "")}{Quantity.Number(Saturation)}/s" : "–";

    /// <summary>The knee for people.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public string KneeText => Knee > 0 ? $"{(IsAtLeast ? "≥ " : "")}{Quantity.Number(Knee)}/s" : Knees.Count > 0 ? "none" : "not found";
}
