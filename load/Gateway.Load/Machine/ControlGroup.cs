using System.Globalization;

namespace Gateway.Load.Machine;

/// <summary>How many CPUs the kernel lets a container use: its control group's quota and set of CPUs, of version 2 and 1.</summary>
internal static class ControlGroup
{
    /// <param name="root">Where the file system begins.</param>
    /// <returns>CPUs, which need not be a whole number; infinite where nothing holds it back.</returns>
    public static double Cores(string root)
    {
        double cores = double.PositiveInfinity;
        foreach (string line in Lines(Path.Combine(root, "proc/self/cgroup")))
        {
            string[] parts = line.Split(':', 3);
            if (parts.Length < 3) continue;
            string groups = Path.Combine(root, "sys/fs/cgroup");
            string[] controllers = parts[1].Split(',');

            // What holds a group back holds those below it back too.
            foreach (string path in Upwards(parts[2]))
            {
                if (parts[1].Length == 0)
                {
                    string group = Path.Combine(groups, path);
                    cores = Math.Min(cores, Math.Min(Quota(First(group, "cpu.max")), Set(First(group, "cpuset.cpus.effective"))));
                }

                if (controllers.Contains("cpu")) cores = Math.Min(cores, Quota($"{First(Path.Combine(groups, "cpu", path), "cpu.cfs_quota_us")} {First(Path.Combine(groups, "cpu", path), "cpu.cfs_period_us")}"));
                if (controllers.Contains("cpuset")) cores = Math.Min(cores, Set(First(Path.Combine(groups, "cpuset", path), "cpuset.effective_cpus")));
            }
        }

        return cores;
    }

    /// <summary>A quota and its period, in microseconds; <c>max</c> and -1 are none.</summary>
    private static double Quota(string text)
    {
        string[] parts = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return parts.Length == 2 && Number(parts[0]) is > 0 and var quota && Number(parts[1]) is > 0 and var period ? quota / period : double.PositiveInfinity;
    }

    /// <summary>CPUs of a list such as <c>0-3,8</c>.</summary>
    private static double Set(string text)
    {
        double count = 0;
        foreach (string range in text.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] ends = range.Split('-');
            count += Number(ends[^1]) - Number(ends[0]) + 1;
        }

        return count > 0 ? count : double.PositiveInfinity;
    }

    private static double Number(string text) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number : double.NaN;

    /// <summary>A group's path and those above it, up to the root of what is mounted: in a container, its own group.</summary>
    private static IEnumerable<string> Upwards(string path)
    {
        string at = path.Trim('/');
        for (; at.Length > 0; at = Path.GetDirectoryName(at) ?? "") yield return at;
        yield return "";
    }

    private static string First(string folder, string file) => Lines(Path.Combine(folder, file)).FirstOrDefault() ?? "";

    private static string[] Lines(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllLines(path) : [];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
