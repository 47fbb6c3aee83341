namespace Gateway.Load.Scenarios;

/// <summary>All scenarios of a run, and what is asked of them together.</summary>
/// <param name="Metrics">Where the server's metrics are; null where none were named.</param>
internal sealed record LoadPlan(IReadOnlyList<ScenarioPlan> Scenarios, Uri? Metrics);
