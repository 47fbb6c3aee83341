using System.Globalization;
using Gateway.Core.Execution;

namespace Gateway.Core.Models.Repository;

/// <summary>Finds one version of a model in the repositories, for what is done to it without serving it.</summary>
public static class ModelVersions
{
    /// <param name="repositories">Full paths.</param>
    /// <param name="version">Null for the highest.</param>
    /// <exception cref="ModelLoadException">It is not there, or its configuration cannot be used.</exception>
    public static ModelSource Find(IEnumerable<string> repositories, string model, long? version)
    {
        IReadOnlyList<string> folders = RepositoryScan.Of(repositories).Models.GetValueOrDefault(model) ?? throw new ModelLoadException($"there is no model '{model}' in the repository");
        if (folders.Count > 1) throw new ModelLoadException($"'{model}' is in more than one repository: {string.Join(", ", folders)}");
        ModelFolder folder = ModelFolder.Read(folders[0]);
        if (folder.Declared?.Remote is not null) throw new ModelLoadException($"'{model}' is run by another server");
        IReadOnlyList<long> present = folder.PresentVersions();
        if (present.Count == 0 || (version is { } asked && !present.Contains(asked)))
        {
            throw new ModelLoadException($"'{model}' has no version{version?.ToString(" 0", CultureInfo.InvariantCulture)} (it has {(present.Count == 0 ? "none" : string.Join(", ", present))})");
        }

        ModelSource source = folder.SourceOf(version ?? present[^1]);
        return File.Exists(source.File) ? source : throw new ModelLoadException($"there is no {source.File}");
    }
}
