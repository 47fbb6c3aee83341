using Gateway.Load.Results;

namespace Gateway.Load.Capacity;

/// <summary>What came of a stretch.</summary>
/// <param name="Server">What the server's metrics say of it; null where they could not be had.</param>
internal sealed record TrialLoadResult(ScenarioResult Scenario, ServerResult? Server);
