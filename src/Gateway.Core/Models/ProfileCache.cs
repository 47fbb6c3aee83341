using System.Text.Json;

namespace Gateway.Core.Models;

/// <summary>Keeps what was measured of models on devices from start to start, a small file for each model and device.</summary>
/// <remarks>
/// <b>Behaviour</b>: whatever is wrong with the folder or a file, the answer is that nothing is known, and what cannot be written is not kept: a cache that
/// fails costs time and nothing else. <b>Threading</b>: one writer a key at a time; a file appears whole or not at all.
/// </remarks>
public sealed class ProfileCache(string folder)
{
    // A curve has at most some twenty sizes; larger is not ours.
    private const int MostBytes = 64 * 1024;

    internal IReadOnlyDictionary<int, long>? Find(ProfileKey key)
    {
        try
        {
            FileInfo file = new(Path.Combine(folder, key.FileName));
            if (!file.Exists || file.Length > MostBytes) return null;
            Entry? entry = JsonSerializer.Deserialize<Entry>(File.ReadAllBytes(file.FullName));
            return entry?.Key == key.Text && entry.Nanoseconds is { Count: > 0 } sizes && sizes.All(size => size is { Key: > 0, Value: > 0 }) ? sizes : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException or NotSupportedException)
        {
            return null;
        }
    }

    internal void Keep(ProfileKey key, Dictionary<int, long> nanoseconds)
    {
        string? half = null;
        try
        {
            Directory.CreateDirectory(folder);
            half = Path.Combine(folder, $"{Guid.NewGuid():N}.tmp");
            File.WriteAllBytes(half, JsonSerializer.SerializeToUtf8Bytes(new Entry(key.Text, nanoseconds)));
            File.Move(half, Path.Combine(folder, key.FileName), overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            if (half is not null && File.Exists(half)) File.Delete(half);
        }
    }

    /// <summary>The content of a file.</summary>
    internal sealed record Entry(string Key, Dictionary<int, long> Nanoseconds);
}
