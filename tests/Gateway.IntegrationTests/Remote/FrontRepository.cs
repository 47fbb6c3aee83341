using System.Globalization;

namespace Gateway.IntegrationTests.Remote;

/// <summary>A repository whose models another server runs: for each a configuration that names it, and nothing else.</summary>
internal sealed class FrontRepository : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gateway-front-");

    public FrontRepository(string upstream, string config, params string[] models)
    {
        foreach (string model in models)
        {
            string folder = _folder.CreateSubdirectory(model).FullName;
            File.WriteAllText(Path.Combine(folder, "config.pbtxt"), string.Create(CultureInfo.InvariantCulture, $$"""
                platform: "remote"
                parameters { key: "url" value { string_value: "{{upstream}}" } }
                {{config}}
                """));
        }
    }

    public string Folder => _folder.FullName;

    public void Dispose() => _folder.Delete(recursive: true);
}
