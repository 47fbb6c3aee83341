using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text;

namespace Gateway.OnnxRuntime.Backend.Compiled;

/// <summary>Tells kinds of processors apart, by what ONNX Runtime chooses memory layouts by: the instructions that they have.</summary>
internal static class Processor
{
    private const int Extended = unchecked((int)0x80000000);
    private const int BrandLeaves = 3;

    /// <summary>For people and to compare: the same for all machines of a kind, and after a restart.</summary>
    public static string Identity { get; } = $"{RuntimeInformation.ProcessArchitecture}, {(X86Base.IsSupported ? OfX86() : OfOthers())}";

    private static string OfX86()
    {
        List<byte> brand = [];
        if (unchecked((uint)X86Base.CpuId(Extended, 0).Eax) >= 0x80000004)
        {
            for (int leaf = 2; leaf < 2 + BrandLeaves; leaf++)
            {
                (int eax, int ebx, int ecx, int edx) = X86Base.CpuId(Extended + leaf, 0);
                foreach (int part in new[] { eax, ebx, ecx, edx }) brand.AddRange(BitConverter.GetBytes(part));
            }
        }

        // Without leaf 1's EBX, which says which of the cores was asked.
        (int family, _, int features1, int features2) = X86Base.CpuId(1, 0);
        (_, int features3, int features4, _) = X86Base.CpuId(0, 0).Eax >= 7 ? X86Base.CpuId(7, 0) : default;
        return string.Create(CultureInfo.InvariantCulture, $"{Encoding.ASCII.GetString([.. brand]).Trim('\0', ' ')}, {family:x}-{features1:x}-{features2:x}-{features3:x}-{features4:x}");
    }

    private static string OfOthers()
    {
        if (!File.Exists("/proc/cpuinfo")) return Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? "";
        string[] telling = ["Features", "CPU implementer", "CPU architecture", "CPU part"];
        return string.Join(", ", File.ReadLines("/proc/cpuinfo").Where(line => telling.Any(name => line.StartsWith(name, StringComparison.Ordinal))).Distinct().Select(line => line.Split(':', 2)[^1].Trim()));
    }
}
