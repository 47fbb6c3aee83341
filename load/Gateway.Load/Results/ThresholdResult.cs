namespace Gateway.Load.Results;

/// <param name="Scenario">Whose value it is.</param>
/// <param name="Text">As it was given.</param>
/// <param name="Value">For people.</param>
internal sealed record ThresholdResult(string Scenario, string Text, string Value, bool IsKept);
