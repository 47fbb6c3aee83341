namespace Gateway.IntegrationTests.Caching;

/// <summary>A copy of the sample models, each with a cache.</summary>
internal sealed class CachedRepository : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gateway-cached-");

    public CachedRepository()
    {
        string samples = System.IO.Path.Combine(GatewayProcess.RepositoryRoot, "config", "model-repository");
        foreach (string file in Directory.EnumerateFiles(samples, "*", SearchOption.AllDirectories))
        {
            string copy = System.IO.Path.Combine(Path, System.IO.Path.GetRelativePath(samples, file));
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
            if (System.IO.Path.GetFileName(copy) == "config.pbtxt") File.AppendAllText(copy, "response_cache { enable: true }\n");
        }
    }

    public string Path => _folder.FullName;

    public void Dispose() => _folder.Delete(recursive: true);
}
