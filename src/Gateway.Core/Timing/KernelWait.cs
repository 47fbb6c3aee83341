using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Gateway.Core.Timing;

/// <summary>A wait in the kernel that another thread can end, with a time-out in nanoseconds.</summary>
/// <remarks><b>Threading</b>: one thread waits; any thread wakes it, and a wake before the wait is not lost.</remarks>
[SupportedOSPlatform("linux")]
internal sealed unsafe partial class KernelWait : IDisposable
{
    private const short PollIn = 1;
    private const int NonBlocking = 0x800;
    private const int SetTimerSlack = 29;

    private readonly int _event;

    public KernelWait()
    {
        _event = EventFd(0, NonBlocking);
        if (_event < 0) throw new InvalidOperationException($"eventfd failed with error {Marshal.GetLastPInvokeError()}");
    }

    /// <summary>Lets the calling thread's waits end within a nanosecond of their time instead of the 50 µs that Linux allows itself by default.</summary>
    public static void MakeThreadPunctual() => _ = ProcessControl(SetTimerSlack, 1, 0, 0, 0);

    /// <summary>Waits until woken.</summary>
    public void Wait() => Wait(null);

    /// <summary>Waits until woken, but no longer than <paramref name="timeout"/>.</summary>
    public void Wait(TimeSpan timeout)
    {
        TimeSpec time = new() { Seconds = (long)timeout.TotalSeconds, Nanoseconds = timeout.Ticks % TimeSpan.TicksPerSecond * 100 };
        Wait(&time);
    }

    public void Wake()
    {
        ulong one = 1;
        _ = Write(_event, &one, sizeof(ulong));
    }

    public void Dispose() => _ = Close(_event);

    private void Wait(TimeSpec* timeout)
    {
        PollFd descriptor = new() { Descriptor = _event, Events = PollIn };
        _ = Poll(&descriptor, 1, timeout, null);
        ulong count;
        _ = Read(_event, &count, sizeof(ulong));
    }

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    private static partial int EventFd(uint initial, int flags);

    [LibraryImport("libc", EntryPoint = "ppoll")]
    private static partial int Poll(PollFd* descriptors, nuint count, TimeSpec* timeout, void* signalMask);

    [LibraryImport("libc", EntryPoint = "read")]
    private static partial nint Read(int descriptor, void* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "write")]
    private static partial nint Write(int descriptor, void* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "prctl")]
    private static partial int ProcessControl(int option, nuint first, nuint second, nuint third, nuint fourth);

    private struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }

    private struct PollFd
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }
}
