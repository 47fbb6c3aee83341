using System.Runtime.InteropServices;

namespace Gateway.Load.Machine;

/// <summary>CPU time of the calling thread: what a worker costs, whatever else the process does.</summary>
internal static unsafe partial class ThreadCpu
{
    private const int ThreadClock = 3;

    public static TimeSpan Used
    {
        get
        {
            long* time = stackalloc long[2];
            return GetTime(ThreadClock, time) == 0 ? TimeSpan.FromSeconds(time[0]) + TimeSpan.FromMicroseconds(time[1] / 1000.0) : TimeSpan.Zero;
        }
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int GetTime(int clock, long* time);
}
