using System.Globalization;
using Gateway.Core.Execution;
using Gateway.Core.Models.Configuration;

namespace Gateway.Core.Models.Repository;

/// <summary>One model's folder in a repository: <c>config.pbtxt</c>, <c>gateway.json</c> and a folder for each version.</summary>
/// <remarks>The layout is Triton's; <c>gateway.json</c> holds what Triton has no word for. Both files may be missing.</remarks>
internal sealed record ModelFolder(string Name, string Directory, ModelConfig? Declared, GatewayModelConfig Gateway)
{
    /// <summary>Reads a model's configuration files.</summary>
    /// <param name="given">Takes the place of <c>config.pbtxt</c>, which is not looked at then.</param>
    /// <exception cref="ModelLoadException">A file is there and cannot be used.</exception>
    public static ModelFolder Read(string directory, ModelConfig? given = null)
    {
        string name = Path.GetFileName(directory);
        string config = Path.Combine(directory, "config.pbtxt");
        string gateway = Path.Combine(directory, "gateway.json");
        try
        {
            return new ModelFolder(
                name,
                directory,
                given ?? (File.Exists(config) ? ModelConfigReader.ReadFile(config, name) : null),
                File.Exists(gateway) ? GatewayModelConfig.Read(File.ReadAllBytes(gateway), gateway) : new GatewayModelConfig());
        }
        catch (Exception error) when (error is ModelConfigException or IOException or UnauthorizedAccessException)
        {
            throw new ModelLoadException(error.Message, error);
        }
    }

    /// <summary>The versions that are there, ascending. A model that another server runs needs no files, so no folder for them either: it is version 1 then.</summary>
    public IReadOnlyList<long> PresentVersions()
    {
        long[] found = [.. System.IO.Directory.EnumerateDirectories(Directory).Select(VersionOf).Where(version => version > 0).Order()];
        return found.Length == 0 && Declared?.Remote is not null ? [1] : found;
    }

    /// <summary>The versions that the policy chooses, ascending.</summary>
    /// <exception cref="ModelLoadException">There is none.</exception>
    public IReadOnlyList<ModelSource> ChooseVersions()
    {
        long[] present = [.. PresentVersions()];
        VersionPolicy policy = Declared?.VersionPolicy ?? VersionPolicy.Latest(1);
        long[] chosen = policy.Kind switch
        {
            VersionPolicyKind.All => present,
            VersionPolicyKind.Specific => [.. policy.Versions.Distinct().Order()],
            _ => [.. present.TakeLast(policy.Count)],
        };
        foreach (long missing in chosen.Except(present)) throw new ModelLoadException($"version {missing}, which version_policy asks for, is not in {Directory}");
        if (chosen.Length == 0) throw new ModelLoadException($"no version is in {Directory}: a version is a folder whose name is a number above 0, such as '1'");
        return [.. chosen.Select(SourceOf)];
    }

    /// <summary>The files of a version that is there.</summary>
    public ModelSource SourceOf(long version)
    {
        string file = Declared is { DefaultModelFilename.Length: > 0 } ? Declared.DefaultModelFilename : ModelConfigCompletion.DefaultModelFilename;
        return new ModelSource(Name, version, Directory, Path.Combine(Directory, version.ToString(CultureInfo.InvariantCulture), file), Declared);
    }

    // A leading zero is no version of Triton's either: '01' and '1' would be the same one.
    private static long VersionOf(string directory)
    {
        string name = Path.GetFileName(directory);
        return !name.StartsWith('0') && long.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out long version) ? version : 0;
    }
}
