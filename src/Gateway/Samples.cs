namespace Gateway;

/// <summary>Finds sample requests that lie beside a repository: <c>samples/digit-7.json</c> next to <c>model-repository/digits</c>.</summary>
internal static class Samples
{
    /// <returns>Full paths, the smallest file first: it is the one to paste.</returns>
    public static IReadOnlyList<string> Beside(IEnumerable<string> repositories) =>
    [
        .. repositories
            .Select(repository => new DirectoryInfo(Path.Combine(repository, "..", "samples")))
            .Where(folder => folder.Exists)
            .SelectMany(folder => folder.EnumerateFiles("*.json"))
            .OrderBy(file => file.Length)
            .Select(file => file.FullName),
    ];
}
