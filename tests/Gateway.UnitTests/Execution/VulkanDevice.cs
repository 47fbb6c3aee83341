using System.Runtime.InteropServices;
using Gateway.OnnxRuntime.Errors;
using Gateway.OnnxRuntime.Sessions;

namespace Gateway.UnitTests.Execution;

/// <summary>Finds out whether WebGPU has a device here: a graphics card's, or SwiftShader, the software one that Debian's package <c>chromium</c> has.</summary>
internal static partial class VulkanDevice
{
    private const string SwiftShader = "/usr/lib/chromium/vk_swiftshader_icd.json";
    private static readonly string[] DriverFolders = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d"];
    private static readonly Lazy<string?> WhyNone = new(Look);

    /// <summary>Why there is none; null when there is one.</summary>
    public static string? Missing => WhyNone.Value;

    private static string? Look()
    {
        if (OperatingSystem.IsLinux())
        {
            // What .NET sets in the environment native code does not see.
            if (Environment.GetEnvironmentVariable("VK_DRIVER_FILES") is null && !DriverFolders.Any(HasDriver) && File.Exists(SwiftShader))
            {
                _ = SetVariable("VK_DRIVER_FILES", SwiftShader, 1);
                _ = SetVariable("VK_ICD_FILENAMES", SwiftShader, 1);
            }

            // Loaded once, it is found by its name from then on.
            if (!NativeLibrary.TryLoad("libvulkan.so.1", out _) && !NativeLibrary.TryLoad("/usr/lib/chromium/libvulkan.so.1", out _))
            {
                return "there is no libvulkan.so.1 (Debian: apt-get install libvulkan1)";
            }
        }

        try
        {
            using OrtSessionOptions options = new();
            options.AddProvider(OrtProviders.WebGpu);
            return null;
        }
        catch (OrtException error)
        {
            return $"no Vulkan device that WebGPU accepts (Debian's package chromium has a software one): {error.Message}";
        }
    }

    private static bool HasDriver(string folder) => Directory.Exists(folder) && Directory.EnumerateFiles(folder, "*.json").Any();

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetVariable(string name, string value, int overwrite);
}
