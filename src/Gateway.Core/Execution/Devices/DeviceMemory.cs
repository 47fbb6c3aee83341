using System.Globalization;

namespace Gateway.Core.Execution.Devices;

/// <summary>What the models of this process take of each device's memory, as far as that is known ahead, and the limits of it.</summary>
/// <remarks>
/// <b>Behaviour</b>: a model takes its share before it allocates anything, and is not loaded where that would go beyond the limit; a version that is to be replaced has its own until it has ended.
/// <b>Threading</b>: any.
/// </remarks>
public sealed class DeviceMemory(DeviceMemoryLimits limits)
{
    private readonly Lock _lock = new();
    private readonly List<DeviceMemoryShare> _shares = [];

    /// <summary>Who has how much, by device, model and version.</summary>
    public IReadOnlyList<(int Device, string Model, long Version, long Bytes)> Usage
    {
        get
        {
            lock (_lock)
            {
                return
                [
                    .. _shares.GroupBy(share => (share.Device, share.Model, share.Version))
                        .Select(same => (same.Key.Device, same.Key.Model, same.Key.Version, same.Sum(share => share.Bytes)))
                        .OrderBy(each => each.Device).ThenBy(each => each.Model, StringComparer.Ordinal).ThenBy(each => each.Version),
                ];
            }
        }
    }

    /// <summary>Null for as much as there is.</summary>
    public long? LimitOf(int device) => limits.Of(device);

    /// <summary>Takes memory for a model; dispose what comes back when it is free again.</summary>
    /// <exception cref="ModelLoadException">It would go beyond the limit.</exception>
    public DeviceMemoryShare Take(int device, string model, long version, long bytes)
    {
        lock (_lock)
        {
            long taken = _shares.Where(share => share.Device == device).Sum(share => share.Bytes);
            if (limits.Of(device) is { } limit && bytes > limit - taken) throw new ModelLoadException(Describe(device, bytes, limit));
            DeviceMemoryShare share = new(this, device, model, version, bytes, limits.Of(device) - taken);
            _shares.Add(share);
            return share;
        }
    }

    internal void GiveBack(DeviceMemoryShare share)
    {
        lock (_lock) _shares.Remove(share);
    }

    private string Describe(int device, long bytes, long limit)
    {
        string[] others = [.. Usage.Where(each => each.Device == device).Select(each => string.Create(CultureInfo.InvariantCulture, $"{each.Model} {each.Version} has {each.Bytes}"))];
        return string.Create(
            CultureInfo.InvariantCulture,
            $"it needs about {bytes} bytes on GPU {device}, of which models may take {limit} together (--gpu-memory-limit-byte-size); {(others.Length == 0 ? "none has any" : string.Join(", ", others))}");
    }
}
