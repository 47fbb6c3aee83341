namespace Gateway.IntegrationTests.Proxy;

/// <summary>A configuration of the proxy in a file of its own.</summary>
internal sealed class ProxyFile : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("gateway").FullName;

    public ProxyFile(string text) => Write(text);

    public string Path => System.IO.Path.Combine(_folder, "proxy.json");

    /// <summary>Replaces it in one go, as editors and deployments do.</summary>
    public void Write(string text)
    {
        string part = Path + ".new";
        File.WriteAllText(part, text);
        File.Move(part, Path, overwrite: true);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
