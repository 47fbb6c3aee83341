using System.Text.Json;

namespace Gateway.Load.Payloads;

/// <summary>Recorded arrivals: a JSON object a line, with <c>at</c> (seconds, ascending) and, where the requests were recorded too, <c>inputs</c>.</summary>
/// <param name="Times">Seconds from the first line's.</param>
/// <param name="Payloads">As many, or none.</param>
internal sealed record Trace(IReadOnlyList<double> Times, IReadOnlyList<RequestPayload> Payloads)
{
    /// <summary>The file.</summary>
    public string Path { get; private init; } = "";

    // 80 MB of times.
    private const int MostArrivals = 10_000_000;

    /// <exception cref="LoadException">The file cannot be read, or a line is none; with its number.</exception>
    public static Trace Read(string path)
    {
        List<double> times = [];
        List<RequestPayload> payloads = [];
        int number = 0;
        try
        {
            foreach (string line in File.ReadLines(path))
            {
                number++;
                if (string.IsNullOrWhiteSpace(line)) continue;
                if (times.Count == MostArrivals) throw new FormatException($"more than {MostArrivals} arrivals");
                using JsonDocument document = JsonDocument.Parse(line);
                JsonElement root = document.RootElement;
                if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("at", out JsonElement at) || at.ValueKind != JsonValueKind.Number) throw new FormatException("'at' (seconds) is missing");
                double time = at.GetDouble();
                if (!double.IsFinite(time) || (times.Count > 0 && time < times[^1])) throw new FormatException("'at' goes back in time");
                times.Add(time);
                if (root.TryGetProperty("inputs", out JsonElement inputs)) payloads.Add(new RequestPayload(TensorJson.Read(inputs)));
                if (payloads.Count > 0 && payloads.Count != times.Count) throw new FormatException("'inputs' are missing, which other lines have");
            }
        }
        catch (Exception exception) when (exception is JsonException or FormatException)
        {
            throw new LoadException(ExitCode.BadSettings, $"{path}:{number}: {exception.Message}");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new LoadException(ExitCode.BadSettings, $"trace {path}: {exception.Message}");
        }

        if (times.Count == 0) throw new LoadException(ExitCode.BadSettings, $"{path}: no arrivals");
        double first = times[0];
        for (int i = 0; i < times.Count; i++) times[i] -= first;
        return new Trace(times, payloads) { Path = path };
    }
}
