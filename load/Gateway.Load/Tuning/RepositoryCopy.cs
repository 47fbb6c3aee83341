namespace Gateway.Load.Tuning;

/// <summary>A copy of one model's folder in a repository of its own, whose configuration may be written over.</summary>
/// <remarks><b>Ownership</b>: disposing removes it.</remarks>
internal sealed class RepositoryCopy : IDisposable
{
    private const string ConfigName = "config.pbtxt";

    private readonly DirectoryInfo _folder;
    private readonly string _config;

    /// <exception cref="LoadException">There is no such model, or it cannot be copied.</exception>
    public RepositoryCopy(string repository, string model)
    {
        string from = Path.Combine(repository, model);
        if (!Directory.Exists(from)) throw new LoadException(ExitCode.BadSettings, $"--model-repository: {repository} has no model '{model}'");
        _folder = Directory.CreateTempSubdirectory("gateway-load-");
        Original = "";
        try
        {
            foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
            {
                string to = Path.Combine(_folder.FullName, model, Path.GetRelativePath(from, file));
                Directory.CreateDirectory(Path.GetDirectoryName(to)!);

                // Models may be large, and nothing writes to them.
                if (Path.GetFileName(file) == ConfigName) File.Copy(file, to);
                else File.CreateSymbolicLink(to, Path.GetFullPath(file));
            }

            _config = Path.Combine(_folder.FullName, model, ConfigName);
            if (File.Exists(_config)) Original = File.ReadAllText(_config);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Dispose();
            throw new LoadException(ExitCode.CannotStart, $"the model cannot be copied: {exception.Message}", exception);
        }
    }

    public string Folder => _folder.FullName;

    /// <summary>The configuration as it was; empty where there was none.</summary>
    public string Original { get; }

    public void Write(string config) => File.WriteAllText(_config, config);

    public void Dispose() => _folder.Delete(recursive: true);
}
