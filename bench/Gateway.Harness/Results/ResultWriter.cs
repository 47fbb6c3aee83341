using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Gateway.Harness.Results;

/// <summary>Prints a scenario's result, and records it as a file and an entry in the folder's README.</summary>
internal static class ResultWriter
{
    private static readonly JsonSerializerOptions Format = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static void Print(ScenarioResult result, TextWriter output)
    {
        foreach (Comparison comparison in result.Comparisons)
        {
            output.WriteLine($"{result.Scenario}: {comparison.Name}");
            foreach (Series side in comparison.Sides) output.WriteLine($"    {side.Name,-34} {side}");
            output.WriteLine($"    {comparison.Outcome.Name,-34} {comparison.Outcome}{(comparison.Budget is { } budget ? $"   budget {budget}: {comparison.Verdict}" : "")}");
        }
    }

    /// <summary>Writes <c>date-scenario.json</c>, in place of what there was of the same run.</summary>
    public static void Write(ScenarioResult result, string folder)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, FileOf(result)), JsonSerializer.Serialize(result, Format) + "\n");
    }

    /// <summary>Appends an entry for what was written to <c>README.md</c>.</summary>
    public static void AppendEntry(ScenarioResult result, string folder) => File.AppendAllText(Path.Combine(folder, "README.md"), Entry(result, FileOf(result)));

    private static string FileOf(ScenarioResult result) => $"{result.Date.ToString("yyyy-MM-dd-HHmm", CultureInfo.InvariantCulture)}-{result.Scenario}.json";

    private static string Entry(ScenarioResult result, string file)
    {
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"\n### {result.Date:yyyy-MM-dd HH:mm} {result.Scenario}\n\n");
        text.Append(CultureInfo.InvariantCulture, $"`{result.Command}` ([{file}]({file}))  \n");
        text.Append(CultureInfo.InvariantCulture, $"{result.Machine.Cpu}, {result.Machine.Cores} cores, {result.Machine.Kernel}; {(result.Machine.Gpu.Length > 0 ? $"{result.Machine.Gpu}; " : "")}{result.Machine.Pinning}; ");
        text.Append(CultureInfo.InvariantCulture, $".NET {result.Machine.DotNet}, ONNX Runtime {result.Machine.OnnxRuntime}, commit {result.Machine.Commit}; {result.Rounds} rounds\n\n");
        text.Append("| case | measured: median [min … max] | outcome | budget | |\n|---|---|---|---|---|\n");
        foreach (Comparison comparison in result.Comparisons)
        {
            string sides = string.Join("<br>", comparison.Sides.Select(side => $"{side.Name}: {side}"));
            text.Append(CultureInfo.InvariantCulture, $"| {comparison.Name} | {sides} | {comparison.Outcome.Name}: {comparison.Outcome} | {comparison.Budget} | {comparison.Verdict} |\n");
        }

        return text.ToString();
    }
}
