using Gateway.Load.Machine;
using Gateway.Load.Results;

namespace Gateway.Load.Capacity;

/// <summary>What came of a stretch.</summary>
/// <param name="Server">What the server's metrics say of it; null where they could not be had.</param>
/// <param name="Machine">Who had its CPUs; null where the server is on another one.</param>
internal sealed record TrialLoadResult(ScenarioResult Scenario, ServerResult? Server, Interference? Machine = null);
