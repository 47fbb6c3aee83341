using System.Globalization;
using System.Text;

namespace Gateway.Core.Models.Repository;

/// <summary>What a model's folder looks like from outside: names, sizes and times of its files. Two that are equal stand for the same content.</summary>
/// <remarks>
/// A link that is pointed elsewhere is a change. A file that is replaced by one of the same size and the same time is none: nothing that copies or writes models does that.
/// </remarks>
internal sealed record FolderStamp(string Text)
{
    /// <exception cref="IOException">The folder cannot be read.</exception>
    /// <exception cref="Execution.ModelLoadException">There are too many files in it.</exception>
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
}
