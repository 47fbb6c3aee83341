using System.Text.Json;

namespace Gateway.Harness.Results;

/// <summary>Reads what BenchmarkDotNet exports as JSON (<c>--exporters json</c>) as a recorded result: each benchmark's median, and what it allocates.</summary>
internal static class RecordedBenchmarks
{
    /// <param name="path">Its name begins with the date.</param>
    /// <param name="root">Its content. The export does not say by which command it was made; where a <c>command</c> or <c>commit</c> was added to it, that is taken.</param>
    public static RecordedRun Read(string path, JsonElement root)
    {
        (string name, DateTimeOffset date) = RecordedRun.Named(path);
        JsonElement host = root.GetProperty("HostEnvironmentInfo");
        JsonElement[] benchmarks = [.. root.GetProperty("Benchmarks").EnumerateArray().Where(each => each.GetProperty("Statistics").ValueKind == JsonValueKind.Object)];
        string filters = string.Join(' ', benchmarks.Select(each => $"'*{Text(each, "Type")}*'").Distinct());
        return new RecordedRun(
            name,
            date,
            Text(root, "command") is { Length: > 0 } command ? command : $"dotnet run -c Release --project bench/Gateway.Benchmarks -- --exporters json --filter {filters}",
            $"{Text(host, "ProcessorName")}, {host.GetProperty("LogicalCoreCount").GetInt32()} cores",
            Text(root, "commit"),
            [.. benchmarks.Select(Case)]);
    }

    private static RecordedCase Case(JsonElement benchmark)
    {
        JsonElement nanoseconds = benchmark.GetProperty("Statistics");
        string parameters = Text(benchmark, "Parameters");
        RecordedSeries median = new("median", "ns", nanoseconds.GetProperty("Median").GetDouble(), nanoseconds.GetProperty("Min").GetDouble(), nanoseconds.GetProperty("Max").GetDouble());
        RecordedSeries[] allocated = benchmark.TryGetProperty("Memory", out JsonElement memory) && memory.ValueKind == JsonValueKind.Object && memory.GetProperty("BytesAllocatedPerOperation").TryGetDouble(out double bytes)
            ? [new RecordedSeries("allocated", "B", bytes, bytes, bytes)] : [];
        return new RecordedCase($"{Text(benchmark, "Type")}.{Text(benchmark, "Method")}{(parameters.Length > 0 ? $" ({parameters})" : "")}", median, null, IsFloor: false, allocated);
    }

    private static string Text(JsonElement value, string name) => value.TryGetProperty(name, out JsonElement text) ? text.GetString() ?? "" : "";
}
