using System.Globalization;

namespace Gateway.Server.Metrics;

/// <summary>The machine's processors and memory, as Linux reports them in <c>/proc</c>; nothing elsewhere.</summary>
/// <remarks><b>Threading</b>: any thread.</remarks>
internal sealed class MachineUsage
{
    private readonly string _folder;
    private readonly Lock _lock = new();
    private long _busy;
    private long _total;
    private double _utilization;

    public MachineUsage(string folder = "/proc")
    {
        _folder = folder;
        if (TryReadTimes(out long busy, out long total)) (_busy, _total) = (busy, total);
    }

    /// <summary>Share of all processors' time that was not idle since the last call (since the start, for the first); null where it is not known.</summary>
    public double? Utilization()
    {
        lock (_lock)
        {
            if (!TryReadTimes(out long busy, out long total)) return null;

            // Two calls within one tick of the kernel (10 ms) have nothing between them: the last answer stands.
            if (total > _total) _utilization = Math.Clamp((double)(busy - _busy) / (total - _total), 0, 1);
            (_busy, _total) = (busy, total);
            return _utilization;
        }
    }

    /// <summary>Bytes of memory; null where they are not known.</summary>
    public (long Total, long Used)? Memory()
    {
        if (Read("meminfo") is not { } text) return null;
        long total = -1;
        long available = -1;
        foreach (ReadOnlySpan<char> line in text.AsSpan().EnumerateLines())
        {
            if (line.StartsWith("MemTotal:")) total = KibiBytes(line);
            else if (line.StartsWith("MemAvailable:")) available = KibiBytes(line);
        }

        return total < 0 || available < 0 ? null : (total, total - available);
    }

    private static long KibiBytes(ReadOnlySpan<char> line)
    {
        ReadOnlySpan<char> value = line[(line.IndexOf(':') + 1)..].Trim();
        int end = value.IndexOf(' ');
        return long.TryParse(end < 0 ? value : value[..end], NumberStyles.None, CultureInfo.InvariantCulture, out long kibi) ? kibi * 1024 : -1;
    }

    private bool TryReadTimes(out long busy, out long total)
    {
        (busy, total) = (0, 0);
        if (Read("stat") is not { } text) return false;

        // cpu user nice system idle iowait irq softirq steal; guest times, which follow, are part of user.
        string[] fields = text.Split('\n', 2)[0].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length < 9 || fields[0] != "cpu") return false;
        for (int i = 1; i <= 8; i++)
        {
            if (!long.TryParse(fields[i], NumberStyles.None, CultureInfo.InvariantCulture, out long ticks)) return false;
            total += ticks;
            if (i is not (4 or 5)) busy += ticks;
        }

        return true;
    }

    private string? Read(string file)
    {
        try
        {
            return File.ReadAllText(Path.Combine(_folder, file));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
