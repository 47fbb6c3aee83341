using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Gateway.Core.Memory.Shared;

/// <summary>Opens POSIX shared memory by its key, which is a name in one flat folder of the system's (<c>/dev/shm</c>) and never a path.</summary>
internal static partial class SharedObject
{
    private const int ReadWrite = 2;
    private const int DoNotBlock = 0x800;

    // NAME_MAX of Linux.
    private const int MostNameBytes = 255;

    // Named semaphores live in the same folder: writing into one would hang whoever waits for it.
    private const string SemaphorePrefix = "sem.";

    /// <returns>Null when the key is no name, or there is no such object that may be read and written.</returns>
    /// <remarks>The C library adds <c>O_NOFOLLOW</c>: a link is not followed out of the folder. Nothing is created. What is opened is a file descriptor; nothing is mapped.</remarks>
    public static SafeFileHandle? TryOpen(string key)
    {
        string name = key.TrimStart('/');
        if (!OperatingSystem.IsLinux() || !IsName(name)) return null;
        int descriptor;
        try
        {
            descriptor = Open("/" + name, ReadWrite | DoNotBlock, 0);
        }
        catch (Exception error) when (error is EntryPointNotFoundException or DllNotFoundException)
        {
            // A C library that has it elsewhere.
            return null;
        }

        return descriptor < 0 ? null : new SafeFileHandle(descriptor, ownsHandle: true);
    }

    private static bool IsName(string name) =>
        name.Length > 0 && name is not ("." or "..") && !name.AsSpan().ContainsAny('/', '\0') && !name.StartsWith(SemaphorePrefix, StringComparison.Ordinal)
        && Encoding.UTF8.GetByteCount(name) <= MostNameBytes;

    [LibraryImport("libc", EntryPoint = "shm_open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string name, int flags, uint mode);
}
