using System.Globalization;
using System.Text;
using Gateway.Core.Execution;

namespace Gateway.Core.Models.Repository;

/// <summary>What a model's folder looks like from outside: names, sizes and times of its files. Two that are equal stand for the same content.</summary>
/// <remarks>
/// A link that is pointed elsewhere is a change. A file that is replaced by one of the same size and the same time is none: nothing that copies or writes models does that.
/// </remarks>
internal sealed record FolderStamp(string Text)
{
    /// <exception cref="IOException">The folder cannot be read.</exception>
    /// <exception cref="ModelLoadException">There are too many files in it.</exception>
    public static FolderStamp Of(string folder)
    {
        StringBuilder text = new();
        foreach ((string path, FileInfo file) in FolderWalk.Files(folder))
        {
            text.Append(CultureInfo.InvariantCulture, $"{path}\0{file.FullName}\0{file.Length}\0{file.LastWriteTimeUtc.Ticks}\n");
        }

        // A version's folder that is there and empty is news too: version policies look at it.
        foreach (string version in Directory.EnumerateDirectories(folder).Select(Path.GetFileName).OfType<string>().Order(StringComparer.Ordinal)) text.Append(version).Append('\n');
        return new FolderStamp(text.ToString());
    }

    /// <summary>The stamp of a model by the folders that it is found in.</summary>
    /// <returns>Null when it is in none, or cannot be told: it is being written or removed, or cannot be read, and opening it says what is wrong, if anything is.</returns>
    public static FolderStamp? TryOf(IReadOnlyList<string> folders)
    {
        // A model in two repositories is a mistake that stays one whatever its files do: its stamp says so.
        if (folders.Count > 1) return new FolderStamp(string.Join('\n', folders));
        try
        {
            return folders.Count == 1 ? Of(folders[0]) : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ModelLoadException)
        {
            return null;
        }
    }
}
