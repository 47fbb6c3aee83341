using Gateway.Core.Features.Configuration;
using Gateway.Server.Hosting;

namespace Gateway.Features;

/// <summary>Reads which feature views the settings name.</summary>
internal static class FeatureSetup
{
    /// <param name="problems">Views that cannot be used, by name.</param>
    /// <exception cref="StartupException">The folder cannot be read.</exception>
    public static IReadOnlyList<FeatureViewConfig> Read(ServerOptions options, out IReadOnlyDictionary<string, string> problems)
    {
        problems = new Dictionary<string, string>();
        if (options.FeatureRepository is not { } folder) return [];
        try
        {
            return FeatureRepository.Read(Path.GetFullPath(folder), out problems);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"--feature-repository: {error.Message}");
        }
    }
}
