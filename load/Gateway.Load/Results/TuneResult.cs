namespace Gateway.Load.Results;

/// <summary>What settings of a model come to.</summary>
/// <param name="Model">Its name.</param>
/// <param name="Points">One for each combination, in the order tried.</param>
internal sealed record TuneResult(string Model, IReadOnlyList<TunePoint> Points);
