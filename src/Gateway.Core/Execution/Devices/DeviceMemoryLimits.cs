using System.Globalization;

namespace Gateway.Core.Execution.Devices;

/// <summary>How much of each device's memory models may take together: <c>BYTES</c> for each device, <c>DEVICE:BYTES</c> for one.</summary>
public sealed class DeviceMemoryLimits
{
    private readonly Dictionary<int, long> _limits = [];
    private long? _ofOthers;

    private DeviceMemoryLimits()
    {
    }

    /// <summary>As much as there is.</summary>
    public static DeviceMemoryLimits None { get; } = new();

    /// <param name="limits">Meaningful when nothing is wrong.</param>
    /// <returns>Null, or what is wrong.</returns>
    public static string? Parse(IReadOnlyList<string> texts, out DeviceMemoryLimits limits)
    {
        limits = new DeviceMemoryLimits();
        foreach (string text in texts)
        {
            string[] parts = text.Split(':');
            int device = 0;
            if (parts.Length > 2
                || !long.TryParse(parts[^1], NumberStyles.None, CultureInfo.InvariantCulture, out long bytes)
                || (parts.Length == 2 && !int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out device)))
            {
                return $"'{text}' is not valid (allowed BYTES, DEVICE:BYTES)";
            }

            bool isNew = parts.Length == 2 ? limits._limits.TryAdd(device, bytes) : limits._ofOthers is null;
            if (!isNew) return $"'{text}': the same device is given twice";
            if (parts.Length == 1) limits._ofOthers = bytes;
        }

        return null;
    }

    /// <summary>Null for as much as there is.</summary>
    public long? Of(int device) => _limits.TryGetValue(device, out long own) ? own : _ofOthers;
}
