namespace Gateway.Load.Results;

/// <summary>How much a server can take.</summary>
/// <param name="Percentile">Of the objective, such as 0.99.</param>
/// <param name="ObjectiveMilliseconds">Its limit.</param>
/// <param name="Settings">One for each carrier tried.</param>
internal sealed record CapacityResult(double Percentile, double ObjectiveMilliseconds, IReadOnlyList<CapacityOf> Settings);
