using System.Runtime.InteropServices;

namespace Gateway.Load.Machine;

/// <summary>What the kernel says of the processor.</summary>
internal static class Processor
{
    private const string Facts = "proc/cpuinfo";
    private const string Root = "/";

    /// <summary>CPUs that the kernel has.</summary>
    public static int Online => Count(Root);

    /// <summary>CPUs that client and server may use between them: all there are, or what a container is held to. Above 0, and no whole number where a quota is none.</summary>
    /// <remarks>Not <see cref="Environment.ProcessorCount"/>, which counts what this process alone is pinned to; a server beside it has the others.</remarks>
    public static double Usable => UsableIn(Root);

    /// <summary>The same for people: rounded up.</summary>
    public static int Cores => (int)Math.Ceiling(Usable);

    public static string Model => (File.Exists(Root + Facts) ? Lines(Root, "model name").FirstOrDefault() : null) ?? RuntimeInformation.ProcessArchitecture.ToString();

    /// <param name="root">Where the file system begins.</param>
    internal static double UsableIn(string root) => Math.Min(Count(root), ControlGroup.Cores(root));

    private static int Count(string root) => File.Exists(Path.Combine(root, Facts)) ? Math.Max(1, Lines(root, "processor").Count()) : Environment.ProcessorCount;

    private static IEnumerable<string> Lines(string root, string key) =>
        File.ReadLines(Path.Combine(root, Facts)).Where(line => line.StartsWith(key, StringComparison.Ordinal)).Select(line => line[(line.IndexOf(':') + 1)..].Trim());
}
