using System.Globalization;
using System.Text.Json;
using Gateway.Load;

namespace Gateway.Harness.Results;

/// <summary>A result as it was recorded: by this program or an earlier one, by gateway-load, or by BenchmarkDotNet.</summary>
/// <param name="Machine">Its processor.</param>
/// <param name="Commit">Empty where the record does not say.</param>
internal sealed record RecordedRun(string Scenario, DateTimeOffset Date, string Command, string Machine, string Commit, IReadOnlyList<RecordedCase> Cases)
{
    private const string DateFormat = "yyyy-MM-dd-HHmm";

    /// <exception cref="InvalidDataException">The file is none.</exception>
    public static RecordedRun Read(string path)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            JsonElement root = document.RootElement;
            if (root.TryGetProperty("format", out _)) return RecordedLoad.Read(path);
            if (root.TryGetProperty("Benchmarks", out _)) return RecordedBenchmarks.Read(path, root);
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
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or LoadException)
        {
            throw new InvalidDataException($"{path} is no recorded result: {exception.Message}", exception);
        }
    }

    /// <summary>What a record is called, and when it was made, in UTC, by its file's name.</summary>
    /// <exception cref="FormatException">It does not begin with a date.</exception>
    public static (string Name, DateTimeOffset Date) Named(string path)
    {
        string name = Path.GetFileNameWithoutExtension(path);
        if (name.Length <= DateFormat.Length + 1) throw new FormatException($"its name is not {DateFormat}-NAME");
        return (name[(DateFormat.Length + 1)..], DateTimeOffset.ParseExact(name[..DateFormat.Length], DateFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal));
    }
}
