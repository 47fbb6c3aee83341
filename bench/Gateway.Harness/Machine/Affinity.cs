using System.ComponentModel;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Gateway.Harness.Machine;

/// <summary>Where the two sides run: the server on the first core this process may use, the client on the second.</summary>
/// <remarks>Servers are pinned by <c>taskset</c> before they start, so that .NET sees one core and sizes its thread pool and heaps for it.</remarks>
internal static unsafe partial class Affinity
{
    // 1024 cores, what the kernel's own cpu_set_t holds.
    private const int MaskBytes = 128;

    private static readonly int[] Allowed = ReadAllowed();

    /// <summary>Whether there are two cores to pin to.</summary>
    public static bool CanPin => Allowed.Length >= 2 && File.Exists("/usr/bin/taskset");

    public static int ServerCore => Allowed[0];

    public static int ClientCore => Allowed[1];

    /// <summary>The cores that this process could use when it started, as <c>taskset</c> takes them.</summary>
    public static string AllCores => string.Join(',', Allowed);

    /// <summary>For people: who runs where.</summary>
    public static string Description => CanPin ? $"server on core {ServerCore}, client on core {ClientCore}" : "not pinned";

    /// <summary>Moves every thread of this process to the client's core; threads started later inherit it.</summary>
    public static void PinClient()
    {
        if (!CanPin) return;
        byte* mask = stackalloc byte[MaskBytes];
        new Span<byte>(mask, MaskBytes).Clear();
        mask[ClientCore / 8] |= (byte)(1 << (ClientCore % 8));
        foreach (string thread in Directory.EnumerateDirectories("/proc/self/task"))
        {
            int id = int.Parse(Path.GetFileName(thread), CultureInfo.InvariantCulture);

            // A thread may have ended since it was listed.
            if (Set(id, MaskBytes, mask) != 0 && Directory.Exists(thread)) throw new Win32Exception(Marshal.GetLastPInvokeError(), "sched_setaffinity failed");
        }
    }

    private static int[] ReadAllowed()
    {
        byte* mask = stackalloc byte[MaskBytes];
        new Span<byte>(mask, MaskBytes).Clear();
        if (!OperatingSystem.IsLinux() || Get(0, MaskBytes, mask) < 0) return [];
        List<int> cores = [];
        for (int i = 0; i < MaskBytes * 8; i++)
        {
            if ((mask[i / 8] & (1 << (i % 8))) != 0) cores.Add(i);
        }

        return [.. cores];
    }

    [LibraryImport("libc", EntryPoint = "sched_setaffinity", SetLastError = true)]
    private static partial int Set(int thread, nuint length, byte* mask);

    [LibraryImport("libc", EntryPoint = "sched_getaffinity", SetLastError = true)]
    private static partial int Get(int thread, nuint length, byte* mask);
}
