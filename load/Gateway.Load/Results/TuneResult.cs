namespace Gateway.Load.Results;

/// <summary>What settings of a model come to.</summary>
/// <param name="Model">Its name.</param>
/// <param name="Points">One for each combination, in the order tried.</param>
internal sealed record TuneResult(string Model, IReadOnlyList<TunePoint> Points)
{
    /// <summary>Calls a second at which latencies are compared.</summary>
    public double Rate { get; init; }

    /// <summary>Of the objective that knees hold, such as 0.99; 0 where none was given.</summary>
    public double Percentile { get; init; }

    public double ObjectiveMilliseconds { get; init; }
}
