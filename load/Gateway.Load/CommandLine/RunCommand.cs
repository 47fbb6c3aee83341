using System.CommandLine;
using Gateway.Load.Results;
using Gateway.Load.Running;
using Gateway.Load.Scenarios;
using Gateway.Load.Scenarios.Files;
using Spectre.Console;

namespace Gateway.Load.CommandLine;

/// <summary><c>gateway-load TARGET …</c>: one run.</summary>
internal static class RunCommand
{
    public static int Run(ParseResult parsed, IAnsiConsole console, TextWriter error, string[] args, CancellationToken stop)
    {
        LoadPlan plan = Plan(parsed, out DateTimeOffset? startAt);
        Outcome.ThrowIfUnwritable(parsed);
        LoadRun run = new(TimeProvider.System, Outcome.DisplayOn(console), CommandText.Of(args), parsed.GetValue(LoadOptions.SkipProof)) { StartAt = startAt };
        if (!parsed.GetValue(LoadOptions.Accept)) run.StopsOnDoubt = true;
        LoadReport report = run.Run(plan, stop);
        return Outcome.End(report, parsed, console, error, stop.IsCancellationRequested, isNothing: report.Scenarios.Count == 0);
    }

    private static LoadPlan Plan(ParseResult parsed, out DateTimeOffset? startAt)
    {
        PlanReader reader = new(parsed);
        startAt = reader.StartAt(TimeProvider.System.GetUtcNow());
        IReadOnlyList<Threshold> thresholds = reader.Thresholds();
        if (parsed.GetValue(LoadOptions.Scenario) is { } file)
        {
            foreach (Option option in LoadOptions.OfRun.Concat(LoadOptions.Common).Except([LoadOptions.Scenario, LoadOptions.StartAt, LoadOptions.Threshold, LoadOptions.Metrics, LoadOptions.Accept, LoadOptions.SkipProof, LoadOptions.Report]))
            {
                if (parsed.GetResult(option) is { Implicit: false }) reader.Complain($"{option.Name} belongs into the scenario file");
            }

            if (parsed.GetValue(LoadOptions.Target) is { } target) reader.Complain($"{target}: the target belongs into the scenario file");
            reader.ThrowIfWrong();
            LoadPlan fromFile = ScenarioFile.Read(file);
            bool isNamed = parsed.GetValue(LoadOptions.Metrics) is not null;
            Uri? metrics = !isNamed ? fromFile.Metrics ?? reader.Metrics(fromFile.Scenarios[0].Target) : reader.Metrics(null);
            reader.ThrowIfWrong();
            return new LoadPlan([.. fromFile.Scenarios.Select(scenario => scenario with { Thresholds = [.. scenario.Thresholds, .. thresholds] })], metrics, !isNamed && fromFile.Metrics is null);
        }

        IReadOnlyList<LoadSimulation> simulations = reader.Simulations(out double warmUp);
        ScenarioPlan? scenario = reader.Scenario(parsed.GetValue(LoadOptions.Carrier), simulations, warmUp);
        Uri? url = reader.Metrics(scenario?.Target);
        reader.ThrowIfWrong();
        return new LoadPlan([scenario! with { Thresholds = thresholds }], url, parsed.GetValue(LoadOptions.Metrics) is null);
    }
}
