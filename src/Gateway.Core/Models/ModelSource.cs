using Gateway.Core.Models.Configuration;

namespace Gateway.Core.Models;

/// <summary>The files of one model version, and what the operator wrote about it.</summary>
/// <param name="Name">The model's name.</param>
/// <param name="Version">The version, above 0.</param>
/// <param name="ModelDirectory">The model's own folder in the repository.</param>
/// <param name="File">The model file.</param>
/// <param name="Declared">The configuration as written, before it is completed from the file; null when there is none.</param>
public sealed record ModelSource(string Name, long Version, string ModelDirectory, string File, ModelConfig? Declared)
{
    /// <summary>The digest of the version's files, which is made beside the load; null where it is not.</summary>
    public Task<byte[]>? FilesDigest { get; init; }

    /// <summary>Whether loading it may write into the version's folder: not when it is only looked at, nor under a configuration that holds until the next load.</summary>
    public bool MayStore { get; init; }
}
