namespace Gateway.Server.Hosting;

/// <summary>Finds the folders that models are read from.</summary>
public static class RepositoryFolders
{
    /// <param name="given">The setting; empty for the default.</param>
    /// <param name="current">Folder that relative paths start from.</param>
    /// <param name="program">Folder of the program, where a default repository may lie too.</param>
    /// <param name="mayBeEmpty">Whether models may come later.</param>
    /// <returns>Full paths, each with at least one model's folder in it, unless it may be empty.</returns>
    /// <exception cref="StartupException">A folder is missing, empty or given twice.</exception>
    public static IReadOnlyList<string> Resolve(IReadOnlyList<string> given, string current, string program, bool mayBeEmpty = false)
    {
        if (given.Count == 0) return [WithModels(Default(current, program))];

        List<string> folders = [];
        foreach (string path in given)
        {
            string folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path, current));
            if (!Directory.Exists(folder))
            {
                string what = File.Exists(folder) ? "is a file, not a folder" : "there is no such folder";
                throw new StartupException($"--model-repository: {folder}: {what}");
            }

            if (folders.Contains(folder)) throw new StartupException($"--model-repository: {folder}: given twice");
            folders.Add(mayBeEmpty ? folder : WithModels(folder));
        }

        return folders;
    }

    private static string Default(string current, string program)
    {
        string here = Path.GetFullPath(ServerOptions.DefaultRepository, current);
        if (Directory.Exists(here)) return here;
        string beside = Path.GetFullPath(ServerOptions.DefaultRepository, program);
        if (Directory.Exists(beside)) return beside;
        throw new StartupException($"no model repository: neither {here} nor {beside} is there (say where it is with --model-repository)");
    }

    private static string WithModels(string folder)
    {
        try
        {
            // A name that starts with a dot is never a model's: version control and editors leave such folders.
            if (Directory.EnumerateDirectories(folder).Any(model => !Path.GetFileName(model).StartsWith('.'))) return folder;
        }
        catch (Exception exception) when (exception is UnauthorizedAccessException or IOException)
        {
            throw new StartupException($"--model-repository: {folder}: {exception.Message}", exception);
        }

        throw new StartupException($"--model-repository: {folder}: there is no model in it (a model is a folder with a version folder in it, such as digits/1/model.onnx)");
    }
}
