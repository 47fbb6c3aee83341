using Gateway.OnnxRuntime.Native;

namespace Gateway.OnnxRuntime.Sessions;

/// <summary>Says why an execution provider cannot be had, and what to do about it.</summary>
internal static class OrtProviderAdvice
{
    public static string WhyNot(string provider, string error)
    {
        string advice = provider switch
        {
            OrtProviders.Cuda => AddFiles("cuda", "the CUDA 13 run-time libraries and cuDNN 9"),
            OrtProviders.TensorRt => AddFiles("tensorrt", "TensorRT 10, the CUDA 13 run-time libraries and cuDNN 9"),
            OrtProviders.WebGpu =>
                "It needs a graphics adapter with its driver: Vulkan on Linux, Direct3D 12 on Windows, Metal on macOS.",
            _ => "",
        };
        return $"The {provider} provider cannot be used: {error.TrimEnd('.', ' ', '\n')}. {advice}";
    }

    /// <summary>Names of the files that a provider in a library of its own is made of; case of <paramref name="provider"/> does not matter.</summary>
    public static IEnumerable<string> FilesOf(string provider) =>
        new[] { "shared", provider.ToLowerInvariant() }.Select(part => OperatingSystem.IsWindows() ? $"onnxruntime_providers_{part}.dll" : $"libonnxruntime_providers_{part}.so");

    private static string AddFiles(string provider, string alsoNeeded)
    {
        bool windows = OperatingSystem.IsWindows();
        if (!windows && !OperatingSystem.IsLinux()) return "ONNX Runtime has it on Linux and Windows only.";

        string package = $"Microsoft.ML.OnnxRuntime.Gpu.{(windows ? "Windows" : "Linux")} {OrtLibrary.Version}";
        string[] missing = [.. FilesOf(provider).Where(file => !File.Exists(Path.Combine(OrtLibrary.Folder, file)))];
        return missing.Length > 0
            ? $"Missing: {string.Join(", ", missing)}. Build with -p:OnnxRuntime=Gpu, or copy from the package {package} into {OrtLibrary.Folder}, and install {alsoNeeded} and the NVIDIA driver."
            : $"Its files are in {OrtLibrary.Folder}; they have to be those of {package}, with {alsoNeeded} and the NVIDIA driver installed.";
    }
}
