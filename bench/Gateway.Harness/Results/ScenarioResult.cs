using Gateway.Harness.Machine;

namespace Gateway.Harness.Results;

/// <summary>A scenario's record: what was run, on what, and what came of it.</summary>
internal sealed record ScenarioResult(
    string Scenario, DateTimeOffset Date, string Command, int Rounds, double Seconds, MachineFacts Machine, IReadOnlyList<Comparison> Comparisons);
