using System.Globalization;

namespace Gateway.Core.Scheduling.Resources;

/// <summary>One supply of a resource.</summary>
/// <param name="Device">Whose it is; null for that of all devices.</param>
public readonly record struct ResourceKey(string Name, int? Device)
{
    /// <summary>The device as metrics and options have it.</summary>
    public string DeviceText => Device?.ToString(CultureInfo.InvariantCulture) ?? "global";

    /// <summary>For people.</summary>
    public string Where => Device is { } device ? string.Create(CultureInfo.InvariantCulture, $"on device {device}") : "for all devices";
}
