using System.Text.Json.Serialization;

namespace Gateway.Harness.Results;

/// <summary>One case of a scenario: what was measured of each side, and what came of it.</summary>
/// <param name="Name">The case.</param>
/// <param name="Outcome">The ratio, difference or figure that counts.</param>
/// <param name="Budget">What it is allowed to be; null for a figure without one.</param>
/// <param name="Sides">The figures that it was made from.</param>
/// <param name="Details">Everything else that was measured, for the record only.</param>
/// <param name="Failure">Why nothing could be measured, or not all; null where that is not so.</param>
internal sealed record Comparison(
    string Name, Series Outcome, Budget? Budget, IReadOnlyList<Series> Sides, object? Details = null, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Failure = null)
{
    public string Verdict => Budget is null ? "" : Budget.IsMetBy(Outcome.Median) ? "met" : "missed";
}
