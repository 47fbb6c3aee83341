using System.Globalization;
using Gateway.CommandLine;
using Gateway.Core.Features.Configuration;
using Gateway.Features;
using Gateway.Server.Hosting;

namespace Gateway;

/// <summary><c>gateway check</c>: says what would come of serving, without serving. The settings have been checked on the way here.</summary>
internal static class CheckCommand
{
    public static async Task<int> RunAsync(ServerOptions options)
    {
        IReadOnlyList<string> repositories = RepositoryFolders.Resolve(options.ModelRepository, Environment.CurrentDirectory, AppContext.BaseDirectory);
        ServiceProvider services = Composition.ForCheck(options with { ModelRepository = repositories });
        await using (services.ConfigureAwait(false))
        {
            IReadOnlyList<RepositoryFinding> findings = [.. services.GetRequiredService<IRepositoryChecker>().Check(), .. FeatureFindings(options)];
            foreach (RepositoryFinding finding in findings)
            {
                string version = finding.Version == 0 ? "" : " " + finding.Version.ToString(CultureInfo.InvariantCulture);
                Console.Out.WriteLine($"{(finding.IsGood ? "ok    " : "broken")}  {finding.Model}{version}: {finding.Message}");
            }

            int broken = findings.Count(finding => !finding.IsGood);
            Console.Out.WriteLine($"{findings.Count} checked, {broken} broken; the settings are good.");
            return broken == 0 ? ExitCode.Good : ExitCode.Failed;
        }
    }

    /// <summary>Looks at the views' configuration; their files are looked at when they are loaded.</summary>
    private static IEnumerable<RepositoryFinding> FeatureFindings(ServerOptions options)
    {
        IReadOnlyList<FeatureViewConfig> views = FeatureSetup.Read(options, out IReadOnlyDictionary<string, string> problems);
        return [.. views.Select(view => new RepositoryFinding($"feature view {view.Name}", 0, true, "can be served")), .. problems.Select(problem => new RepositoryFinding($"feature view {problem.Key}", 0, false, problem.Value))];
    }
}
