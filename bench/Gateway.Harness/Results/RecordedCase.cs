using System.Text.Json;
using System.Text.RegularExpressions;

namespace Gateway.Harness.Results;

/// <summary>One case of a recorded result.</summary>
/// <param name="Limit">The budget; null without.</param>
/// <param name="IsFloor">Whether the budget is a least.</param>
internal sealed partial record RecordedCase(string Name, RecordedSeries Outcome, double? Limit, bool IsFloor, IReadOnlyList<RecordedSeries> Sides)
{
    public bool? IsMet => Limit is { } limit ? (IsFloor ? Outcome.Median >= limit : Outcome.Median <= limit) : null;

    public static RecordedCase Read(JsonElement value)
    {
        JsonElement budget = value.GetProperty("budget");
        bool hasBudget = budget.ValueKind == JsonValueKind.Object;

        // What was computed from the machine's own speed is not a part of the name.
        return new RecordedCase(
            Deadline().Replace(value.GetProperty("name").GetString()!, ""),
            RecordedSeries.Read(value.GetProperty("outcome")),
            hasBudget ? budget.GetProperty("limit").GetDouble() : null,
            hasBudget && budget.GetProperty("isFloor").GetBoolean(),
            [.. value.GetProperty("sides").EnumerateArray().Select(RecordedSeries.Read)]);
    }

    [GeneratedRegex(@", deadline [0-9.]+ ms$")]
    private static partial Regex Deadline();
}
