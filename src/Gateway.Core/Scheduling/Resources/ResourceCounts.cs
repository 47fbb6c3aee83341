using System.Globalization;

namespace Gateway.Core.Scheduling.Resources;

/// <summary>How many there are of each resource, where that is said: <c>NAME:COUNT[:DEVICE]</c>, as Triton has it.</summary>
public sealed class ResourceCounts
{
    // Those without a device, which hold for each, are of the device null.
    private readonly Dictionary<ResourceKey, int> _counts = [];

    private ResourceCounts()
    {
    }

    /// <summary>Nothing is said: of each resource there is as much as the instance needs that needs the most.</summary>
    public static ResourceCounts Unsaid { get; } = new();

    /// <param name="counts">Meaningful when nothing is wrong.</param>
    /// <returns>Null, or what is wrong.</returns>
    public static string? Parse(IReadOnlyList<string> texts, out ResourceCounts counts)
    {
        counts = new ResourceCounts();
        foreach (string text in texts)
        {
            string[] parts = text.Split(':');
            int device = 0;
            if (parts.Length is < 2 or > 3 || parts[0].Length == 0 || !TryRead(parts[1], out int count) || (parts.Length == 3 && !TryRead(parts[2], out device)))
            {
                return $"'{text}' is not valid (allowed NAME:COUNT, NAME:COUNT:DEVICE)";
            }

            if (!counts._counts.TryAdd(new ResourceKey(parts[0], parts.Length == 3 ? device : null), count)) return $"'{text}': the same resource is given twice";
        }

        return null;
    }

    /// <summary>How many there are; null where nothing is said of any resource. One that is not named where others are is not there.</summary>
    /// <remarks>As in Triton: of what is said for a device and for each the larger holds, and of a global resource the largest of all, whatever the device.</remarks>
    public int? Of(ResourceKey key)
    {
        if (_counts.Count == 0) return null;
        if (key.Device is null) return _counts.Where(said => said.Key.Name == key.Name).Select(said => said.Value).DefaultIfEmpty().Max();
        return Math.Max(_counts.GetValueOrDefault(key), _counts.GetValueOrDefault(key with { Device = null }));
    }

    private static bool TryRead(string text, out int number) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
