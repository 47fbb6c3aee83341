namespace Gateway.Core.Models.Repository;

/// <summary>One look at the repositories: which models' folders are there.</summary>
/// <param name="Models">The folders of each model by its name, in the order of the names; more than one is a mistake, which loading it reports.</param>
/// <param name="Problems">Repositories that could not be read: nothing is known about which models they hold.</param>
internal sealed record RepositoryScan(IReadOnlyDictionary<string, IReadOnlyList<string>> Models, IReadOnlyList<string> Problems)
{
    public static RepositoryScan Of(IEnumerable<string> repositories)
    {
        SortedDictionary<string, IReadOnlyList<string>> models = new(StringComparer.Ordinal);
        List<string> problems = [];
        foreach (string repository in repositories)
        {
            try
            {
                foreach (string folder in Directory.EnumerateDirectories(repository))
                {
                    string name = Path.GetFileName(folder);
                    if (name.StartsWith('.')) continue;
                    models[name] = models.TryGetValue(name, out IReadOnlyList<string>? others) ? [.. others, folder] : [folder];
                }
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                problems.Add($"{repository}: {error.Message}");
            }
        }

        return new RepositoryScan(models, problems);
    }
}
