using System.Globalization;

namespace Gateway.Load.Machine;

/// <summary>What the CPUs have done since the machine's start, in seconds, all of them together.</summary>
/// <param name="Processes">Ran processes.</param>
/// <param name="Interrupts">Served interrupts, which belong to nobody: those of a connection to the machine itself among them.</param>
/// <param name="Stolen">Would have run, had the hypervisor not run another machine.</param>
/// <param name="All">All of it, idle included.</param>
internal readonly record struct CpuTimes(double Processes, double Interrupts, double Stolen, double All)
{
    private const string Facts = "/proc/stat";

    // The kernel's unit towards programs, whatever its own is.
    private const double TicksPerSecond = 100;

    /// <summary>Now; null where the kernel does not say.</summary>
    public static CpuTimes? Read()
    {
        try
        {
            return File.Exists(Facts) ? Parse(File.ReadLines(Facts).First()) : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <param name="line">The first of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal; guests' are in user and nice.</param>
    public static CpuTimes? Parse(string line)
    {
        string[] parts = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        double[] times = new double[8];
        if (parts.Length <= times.Length || parts[0] != "cpu") return null;
        for (int i = 0; i < times.Length; i++)
        {
            if (!double.TryParse(parts[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out times[i])) return null;
            times[i] /= TicksPerSecond;
        }

        return new CpuTimes(times[0] + times[1] + times[2], times[5] + times[6], times[7], times.Sum());
    }
}
