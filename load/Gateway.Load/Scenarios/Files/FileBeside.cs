namespace Gateway.Load.Scenarios.Files;

/// <summary>Files that a scenario file names are beside it.</summary>
internal static class FileBeside
{
    public static string Find(string scenarioFile, string name) => Path.Combine(Path.GetDirectoryName(Path.GetFullPath(scenarioFile)) ?? "", name);
}
