using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects;
using Gateway.Harness.Subjects.Gpu;

namespace Gateway.Harness.Scenarios.Gpu;

/// <summary>Runs one part of what is measured on a device as a process of its own, which writes a line of JSON for each case as soon as it is done.</summary>
internal static class GpuPartProcess
{
    public const string Command = "gpu-part";

    // A driver that hangs must not keep the other parts from their turn.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);

    /// <returns>The cases that were done, and one more that says what went wrong, if anything did.</returns>
    public static IReadOnlyList<Comparison> Run(string provider, int part, Effort effort)
    {
        string name = Gpu.Parts(provider)[part].Name;
        string[] arguments =
        [
            Command, provider, Text(part), Text(effort.Rounds), Text(effort.Seconds), Text(effort.WarmUpSeconds), effort.Programs.Gateway, string.Join(',', effort.Models ?? []),
        ];
        ProcessStartInfo start = Path.GetFileNameWithoutExtension(Programs.Self) == "dotnet"
            ? new ProcessStartInfo(Programs.Self, [typeof(GpuPartProcess).Assembly.Location, .. arguments])
            : new ProcessStartInfo(Programs.Self, arguments);
        start.RedirectStandardOutput = true;
        List<Comparison> done = [];
        using Process process = Process.Start(start)!;
        process.OutputDataReceived += (_, line) => Keep(line.Data, name, done);
        process.BeginOutputReadLine();
        bool hasEnded = process.WaitForExit(Limit);
        if (!hasEnded) process.Kill(entireProcessTree: true);
        process.WaitForExit();
        if (process.ExitCode == 0) return done;
        string problem = hasEnded ? $"ended with exit code {process.ExitCode}" : $"not done after {Limit.TotalSeconds} s";
        Console.Error.WriteLine($"{name}: {problem}");
        return [.. done, new Comparison($"{name}: {problem}", new Series("exit code", "", [process.ExitCode]), Budget: null, [], Failure: problem)];
    }

    /// <param name="arguments">As <see cref="Run(string, int, Effort)"/> gives them.</param>
    public static void Run(IReadOnlyList<string> arguments)
    {
        DeviceLoop.KeepOpen();
        string[]? models = arguments[6].Length > 0 ? arguments[6].Split(',') : null;
        Effort effort = new((int)Number(arguments[2]), Number(arguments[3]), Number(arguments[4]), arguments[5], models);
        foreach (Comparison comparison in Gpu.Parts(arguments[0])[(int)Number(arguments[1])].Measure(effort))
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(comparison));
        }
    }

    private static void Keep(string? line, string part, List<Comparison> done)
    {
        if (line is null || !line.StartsWith('{')) return;
        Comparison comparison = JsonSerializer.Deserialize<Comparison>(line)!;
        comparison = comparison with { Name = $"{part}: {comparison.Name}" };
        done.Add(comparison);
        Console.Out.WriteLine($"{comparison.Name}: {comparison.Outcome}");
    }

    private static string Text(double number) => number.ToString(CultureInfo.InvariantCulture);

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
