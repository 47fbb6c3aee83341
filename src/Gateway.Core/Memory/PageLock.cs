using System.Runtime.InteropServices;

namespace Gateway.Core.Memory;

/// <summary>Locks pages in memory, so that a device can read them directly and none is ever swapped out.</summary>
internal static unsafe partial class PageLock
{
    /// <summary>Alignment of every block: the page size, and a multiple of every vector and cache-line size.</summary>
    public static readonly nuint PageSize = (nuint)Environment.SystemPageSize;

    /// <returns>False where the operating system has no such call or the process's limit (<c>ulimit -l</c>) is reached: the memory works all the same.</returns>
    public static bool TryLock(byte* address, int bytes) => OperatingSystem.IsLinux() && Lock(address, (nuint)bytes) == 0;

    public static void Unlock(byte* address, int bytes) => _ = UnlockNative(address, (nuint)bytes);

    [LibraryImport("libc", EntryPoint = "mlock")]
    private static partial int Lock(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "munlock")]
    private static partial int UnlockNative(void* address, nuint length);
}
