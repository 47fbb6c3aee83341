using System.Runtime.InteropServices;

namespace Gateway.Core.Memory;

/// <summary>The C library's heap, which models' weights lie in.</summary>
internal static partial class NativeHeap
{
    /// <summary>Gives free memory back to the operating system.</summary>
    /// <remarks>
    /// glibc keeps what is freed in the arena of the thread that allocated it, and a model is loaded by another thread each time: without this, the process keeps
    /// the memory of some of the models that it has unloaded. Takes milliseconds; other C libraries have no such call, and need none.
    /// </remarks>
    public static void Trim()
    {
        if (!OperatingSystem.IsLinux()) return;
        try
        {
            _ = MallocTrim(0);
        }
        catch (Exception error) when (error is EntryPointNotFoundException or DllNotFoundException)
        {
            // Not glibc.
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int MallocTrim(nuint pad);
}
