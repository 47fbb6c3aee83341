using System.Runtime.InteropServices;

namespace Gateway.Load.Machine;

/// <summary>What the kernel says of the processor.</summary>
internal static class Processor
{
    private const string Facts = "/proc/cpuinfo";

    /// <summary>All there are: not <see cref="Environment.ProcessorCount"/>, which counts what this process is pinned to.</summary>
    public static int Cores => File.Exists(Facts) ? Math.Max(1, Lines("processor").Count()) : Environment.ProcessorCount;

    public static string Model => (File.Exists(Facts) ? Lines("model name").FirstOrDefault() : null) ?? RuntimeInformation.ProcessArchitecture.ToString();

    private static IEnumerable<string> Lines(string key) =>
        File.ReadLines(Facts).Where(line => line.StartsWith(key, StringComparison.Ordinal)).Select(line => line[(line.IndexOf(':') + 1)..].Trim());
}
