using Gateway.Core.Models.Configuration;

namespace Gateway.Core.Models;

/// <summary>The files of one model version, and what the operator wrote about it.</summary>
/// <param name="Name">The model's name.</param>
/// <param name="Version">The version, above 0.</param>
/// <param name="ModelDirectory">The model's own folder in the repository.</param>
/// <param name="File">The model file.</param>
/// <param name="Declared">The configuration as written, before it is completed from the file; null when there is none.</param>
public sealed record ModelSource(string Name, long Version, string ModelDirectory, string File, ModelConfig? Declared);
