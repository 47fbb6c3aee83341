using Gateway.Core.Models.Configuration;
using Gateway.OnnxRuntime.Backend.Devices;
using Gateway.OnnxRuntime.Native;

namespace Gateway.OnnxRuntime.Backend.Compiled;

/// <summary>What a compiled model holds for: these files, prepared in this way, by this build of ONNX Runtime, for this kind of machine.</summary>
/// <param name="Files">Digest of the version's files.</param>
/// <param name="Runtime">ONNX Runtime's version.</param>
/// <param name="Library">Digest of its library.</param>
/// <param name="Providers">What runs it, with the options that were given.</param>
/// <param name="Settings">Graph optimisation, and what else of the session has a say in it.</param>
/// <param name="Machine">The kind of processor; for a device the machine and the driver too.</param>
internal sealed record CompiledKey(string Files, string Runtime, string Library, string Providers, string Settings, string Machine)
{
    /// <param name="files">See <see cref="Core.Models.ModelSource.FilesDigest"/>.</param>
    public static CompiledKey Of(byte[] files, ModelConfig config, ProviderChoice choice)
    {
        // The driver may be named by the environment: the same machine's software device is another device.
        string device = choice.IsCpu ? "" : $"; {Environment.MachineName}, {Environment.GetEnvironmentVariable("VK_DRIVER_FILES")}";
        return new CompiledKey(
            Convert.ToHexStringLower(files),
            OrtLibrary.Version,
            Convert.ToHexStringLower(OrtLibrary.Identity),
            choice.IsCpu ? "CPU" : string.Join(" + ", choice.Providers.Select(Describe)),
            string.Join("; ", [$"graph optimisation {config.Optimization.GraphOptimization}", .. config.OnnxRuntime.SessionConfigEntries.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => $"{entry.Key}={entry.Value}")]),
            Processor.Identity + device);
    }

    /// <returns>Why what was made for this key does not hold for another; null when it does.</returns>
    public string? WhyNot(CompiledKey now)
    {
        if (Files != now.Files) return "the model's files are others now";
        if (Runtime != now.Runtime) return $"it was made by ONNX Runtime {Runtime}, and this is {now.Runtime}";
        if (Library != now.Library) return $"it was made by another build of ONNX Runtime {Runtime}";
        if (Providers != now.Providers) return $"it was made for {Providers}, and this is {now.Providers}";
        if (Settings != now.Settings) return $"it was made with {Settings}, and the configuration has {now.Settings}";
        return Machine == now.Machine ? null : $"it was made on {Machine}, and this is {now.Machine}";
    }

    // Which of several devices it is does not change what is made for it.
    private static string Describe((string Name, IReadOnlyDictionary<string, string> Options) provider) =>
        string.Join(' ', [provider.Name, .. provider.Options.Where(option => option.Key != "device_id").OrderBy(option => option.Key, StringComparer.Ordinal).Select(option => $"{option.Key}={option.Value}")]);
}
