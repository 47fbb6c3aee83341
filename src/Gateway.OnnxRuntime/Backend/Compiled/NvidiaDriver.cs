namespace Gateway.OnnxRuntime.Backend.Compiled;

/// <summary>Tells machines apart by their NVIDIA GPUs and the driver, as the driver's own files say (Linux).</summary>
internal static class NvidiaDriver
{
    private const string Folder = "/proc/driver/nvidia";

    /// <summary>For people and to compare: the driver and the models of the GPUs; empty where there is no such driver.</summary>
    public static string Identity { get; } = Read();

    private static string Read()
    {
        try
        {
            if (!Directory.Exists(Folder)) return "";
            IEnumerable<string> gpus = Directory.Exists($"{Folder}/gpus")
                ? Directory.EnumerateDirectories($"{Folder}/gpus").Order(StringComparer.Ordinal).SelectMany(gpu => File.ReadLines(Path.Combine(gpu, "information"))).Where(line => line.StartsWith("Model", StringComparison.Ordinal))
                : [];
            return string.Join("; ", File.ReadLines($"{Folder}/version").Take(1).Concat(gpus));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
