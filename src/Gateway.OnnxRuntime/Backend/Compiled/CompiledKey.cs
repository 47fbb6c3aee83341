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
/// <param name="Machine">The kind of processor, not which one: containers come and go, and replicas share a folder. For WebGPU the driver too, where the environment names it.</param>
internal sealed record CompiledKey(string Files, string Runtime, string Library, string Providers, string Settings, string Machine)
{
    /// <param name="files">See <see cref="Core.Models.ModelSource.FilesDigest"/>.</param>
    public static CompiledKey Of(byte[] files, ModelConfig config, ProviderChoice choice)
    {
        // The same machine's software device is another device.
        string? driver = choice.IsWebGpu ? Environment.GetEnvironmentVariable("VK_DRIVER_FILES") : null;
        return new CompiledKey(
            Convert.ToHexStringLower(files),
            OrtLibrary.Version,
            Convert.ToHexStringLower(OrtLibrary.Identity),
            choice.IsCpu ? "CPU" : string.Join(" + ", choice.Providers.Select(Describe)),
            string.Join("; ", [$"graph optimisation {config.Optimization.GraphOptimization}", .. config.OnnxRuntime.SessionConfigEntries.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => $"{entry.Key}={entry.Value}")]),
            driver is null ? Processor.Identity : $"{Processor.Identity}; {driver}");
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

    // Which of several devices it is does not change what is made for it, nor what is left of its memory, which is another number at each load.
    private static string Describe((string Name, IReadOnlyDictionary<string, string> Options) provider) =>
        string.Join(' ', [provider.Name, .. provider.Options.Where(option => option.Key is not ("device_id" or ProviderChoice.GpuMemLimit)).OrderBy(option => option.Key, StringComparer.Ordinal).Select(option => $"{option.Key}={option.Value}")]);
}
