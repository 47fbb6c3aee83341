using System.Runtime.InteropServices;

namespace Gateway.Core.Timing;

/// <summary>How the kernel shares cores out among the process's threads.</summary>
public static partial class ThreadScheduling
{
    // sched.h
    private const int Batch = 3;

    /// <summary>Asks that a thread that wakes up does not interrupt one that runs; for the calling thread and all that it, or one of them, starts later.</summary>
    /// <remarks>
    /// On a busy core the thread that watches the sockets would else interrupt the work for each packet, and each time bring one request. Behind the work it
    /// brings all that have arrived. The share of the cores that the process gets stays the same, and so does what happens while a core is free.
    /// Does nothing where there is no such call or it is not allowed.
    /// </remarks>
    public static void PreferThroughput()
    {
        if (!OperatingSystem.IsLinux()) return;
        int noPriority = 0;
        _ = SetScheduler(0, Batch, in noPriority);
    }

    [LibraryImport("libc", EntryPoint = "sched_setscheduler")]
    private static partial int SetScheduler(int thread, int policy, in int priority);
}
