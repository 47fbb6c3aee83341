using Gateway.Core.Execution;

namespace Gateway.Core.Models.Repository;

/// <summary>A file below a folder.</summary>
/// <param name="RelativePath">From the folder, with <c>/</c>.</param>
/// <param name="Target">The file itself, behind all symbolic links.</param>
internal readonly record struct FoundFile(string RelativePath, FileInfo Target);

/// <summary>Finds the files below a folder, through symbolic links.</summary>
internal static class FolderWalk
{
    // A model has a handful of files, one with external weights perhaps hundreds; links that lead in circles are to end somewhere.
    private const int MostFiles = 10_000;
    private const int MostLevels = 8;

    /// <returns>The files in the order of their paths. What begins with a dot is left out: editors and network file systems leave such files while they work.</returns>
    /// <exception cref="IOException">A folder or file cannot be read, or was removed meanwhile.</exception>
    /// <exception cref="ModelLoadException">There are too many.</exception>
    public static List<FoundFile> Files(string folder)
    {
        List<FoundFile> files = [];
        Add(new DirectoryInfo(folder), "", 0, files);
        return files;
    }

    /// <summary>Bytes of all of them together.</summary>
    /// <inheritdoc cref="Files"/>
    public static long BytesOf(string folder) => Files(folder).Sum(static found => found.Target.Length);

    private static void Add(DirectoryInfo folder, string prefix, int level, List<FoundFile> files)
    {
        foreach (FileSystemInfo entry in folder.EnumerateFileSystemInfos().OrderBy(entry => entry.Name, StringComparer.Ordinal))
        {
            if (entry.Name.StartsWith('.')) continue;
            string path = prefix + entry.Name;
            FileSystemInfo target = entry.LinkTarget is null ? entry : entry.ResolveLinkTarget(returnFinalTarget: true) ?? entry;
            if (target is DirectoryInfo below)
            {
                if (level == MostLevels) throw new ModelLoadException($"{folder.FullName} nests deeper than {MostLevels} levels");
                Add(below, path + "/", level + 1, files);
            }
            else if (target.Exists)
            {
                if (files.Count == MostFiles) throw new ModelLoadException($"there are more than {MostFiles} files in {folder.FullName}");
                files.Add(new FoundFile(path, (FileInfo)target));
            }
        }
    }
}
