using System.Text.Json;

namespace Gateway.Harness.Results;

/// <summary>A result as it was recorded, by this program or an earlier one.</summary>
/// <param name="Machine">Its processor.</param>
internal sealed record RecordedRun(string Scenario, DateTimeOffset Date, string Command, string Machine, string Commit, IReadOnlyList<RecordedCase> Cases)
{
    /// <exception cref="InvalidDataException">The file is none.</exception>
    public static RecordedRun Read(string path)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            JsonElement root = document.RootElement;
            JsonElement machine = root.GetProperty("machine");
            string gpu = machine.TryGetProperty("gpu", out JsonElement device) ? device.GetString() ?? "" : "";
            return new RecordedRun(
                root.GetProperty("scenario").GetString()!,
                root.GetProperty("date").GetDateTimeOffset(),
                root.GetProperty("command").GetString()!,
                $"{machine.GetProperty("cpu").GetString()}, {machine.GetProperty("cores").GetInt32()} cores{(gpu.Length > 0 ? $", {gpu}" : "")}",
                machine.GetProperty("commit").GetString()!,
                [.. root.GetProperty("comparisons").EnumerateArray().Select(RecordedCase.Read)]);
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new InvalidDataException($"{path} is no recorded result: {exception.Message}", exception);
        }
    }
}
