using System.CommandLine;
using Gateway.Load.Capacity;
using Gateway.Load.Machine;
using Gateway.Load.Results;
using Gateway.Load.Running;
using Gateway.Load.Scenarios;
using Spectre.Console;

namespace Gateway.Load.CommandLine;

/// <summary><c>gateway-load capacity TARGET …</c>: the highest rate that holds an objective.</summary>
internal static class CapacityCommand
{
    private const double DefaultTrialSeconds = 5;
    private const double DefaultShare = 0.99;

    public static int Run(ParseResult parsed, IAnsiConsole console, TextWriter error, string[] args, CancellationToken stop)
    {
        PlanReader reader = new(parsed);
        Objective objective = ReadObjective(parsed, reader);
        double seconds = reader.Seconds(LoadOptions.Trial, DefaultTrialSeconds);
        int repeats = parsed.GetValue(LoadOptions.Repeats);
        if (repeats is < 1 or > 100) reader.Complain("--repeats: must be from 1 to 100");

        // Its load is the search's own.
        LoadSimulation[] nothing = [new(SimulationKind.Pause, 1)];
        List<ScenarioPlan> plans = [];
        foreach (string carrier in (parsed.GetValue(LoadOptions.Carrier) ?? "").Split(','))
        {
            string[] parts = carrier.Split('@', 2);
            if (reader.Scenario(parts[0].Length > 0 ? parts[0] : null, nothing, 0, parts.Length > 1 ? parts[1] : null) is { } plan) plans.Add(plan);
        }

        Uri? metrics = reader.Metrics(plans.Count > 0 ? plans[0].Target : null);
        reader.ThrowIfWrong();
        DateTimeOffset started = TimeProvider.System.GetUtcNow();
        IRunDisplay display = new Display.PlainDisplay(console.Profile.Out.Writer);
        List<CapacityOf> settings = [];
        List<string> doubts = [];
        string? partial = null;
        foreach (ScenarioPlan plan in plans)
        {
            CapacityRun run = new(objective, seconds, repeats, metrics, TimeProvider.System, display, stop);
            settings.Add(run.Measure(plan));
            if (run.Doubt is { } doubt) doubts.Add(doubt);
            partial ??= run.Partial;
            if (partial is not null) break;
        }

        LoadReport report = new()
        {
            Kind = "capacity",
            Started = started,
            Command = Outcome.CommandText(args),
            Machine = MachineFacts.Read(),
            Partial = partial,
            Warnings = doubts,
            IsVouchedFor = doubts.Count == 0,
            Capacity = new CapacityResult(objective.Share, objective.Seconds * 1000, settings),
        };
        int code = Outcome.End(report, parsed, console, error, stop.IsCancellationRequested);
        return code == ExitCode.Good && settings.All(setting => setting.Knee == 0) ? ExitCode.ThresholdFailed : code;
    }

    private static Objective ReadObjective(ParseResult parsed, PlanReader reader)
    {
        string? other = parsed.GetValue(LoadOptions.Slo);
        if (other is null == parsed.GetValue(LoadOptions.SloP99) is null)
        {
            reader.Complain("say what must hold: --slo-p99 50ms, or --slo \"p99.9 < 20ms\"");
            return new Objective(DefaultShare, 1);
        }

        if (other is null) return new Objective(DefaultShare, reader.Seconds(LoadOptions.SloP99, 1));
        if (!Threshold.TryParse(other, out Threshold? threshold, out string problem)) reader.Complain($"--slo: {problem}");
        else if (threshold.Percentile is > 0 and < 1 && threshold.Operator[0] == '<') return new Objective(threshold.Percentile, threshold.Limit);
        else reader.Complain($"--slo: '{other}' is no percentile below a time (such as \"p99.9 < 20ms\")");
        return new Objective(DefaultShare, 1);
    }
}
