using Gateway.Harness.Machine;
using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects;

namespace Gateway.Harness.Scenarios;

/// <summary>Time from the start of the process to the first 200 on the readiness path, with the sample models.</summary>
internal sealed class Startup : IScenario
{
    // A start is short and varies; twice the rounds cost a few seconds.
    private const int StartsPerRound = 2;

    // From design.md, "Budgets".
    private static readonly Budget Seconds = Budget.AtMost(0.4);

    public string Name => "startup";

    public string Summary => "seconds from start to ready with config/model-repository, published build, on all cores and on one";

    public IReadOnlyList<Comparison> Measure(Effort effort)
    {
        Programs programs = new(effort.Gateway ?? (File.Exists(Programs.PublishedGateway) ? Programs.PublishedGateway : Programs.BuiltGateway));
        string build = Path.GetRelativePath(RepositoryRoot.Path, programs.Gateway);
        return
        [
            new Comparison($"{build}, all cores", Starts(programs, effort, Affinity.AllCores), Seconds, []),
            new Comparison($"{build}, one core", Starts(programs, effort, cores: null), Budget: null, []),
        ];
    }

    private static Series Starts(Programs programs, Effort effort, string? cores)
    {
        string repository = Path.Combine(RepositoryRoot.Path, "config", "model-repository");
        double[] seconds = new double[effort.Rounds * StartsPerRound];
        foreach (ref double value in seconds.AsSpan())
        {
            using ServerProcess server = programs.StartGateway(repository, out _, cores);
            value = server.TimeToReady.TotalSeconds;
        }

        return new Series("time to ready", "s", seconds);
    }
}
