using System.Text.Json;

namespace Gateway.Harness.Results;

/// <summary>One figure of a recorded result.</summary>
/// <param name="Unit">Empty for a ratio.</param>
internal sealed record RecordedSeries(string Name, string Unit, double Median, double Min, double Max)
{
    public static RecordedSeries Read(JsonElement value) => new(
        value.GetProperty("name").GetString()!,
        value.GetProperty("unit").GetString()!,
        value.GetProperty("median").GetDouble(),
        value.GetProperty("min").GetDouble(),
        value.GetProperty("max").GetDouble());
}
