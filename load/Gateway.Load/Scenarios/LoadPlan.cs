namespace Gateway.Load.Scenarios;

/// <summary>All scenarios of a run, and what is asked of them together.</summary>
/// <param name="Metrics">Where the server's metrics are; null to do without.</param>
/// <param name="IsGuess">Whether nobody has said that they are there.</param>
internal sealed record LoadPlan(IReadOnlyList<ScenarioPlan> Scenarios, Uri? Metrics, bool IsGuess);
