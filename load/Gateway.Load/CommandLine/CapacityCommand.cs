using System.CommandLine;
using Gateway.Load.Capacity;
using Gateway.Load.Machine;
using Gateway.Load.Results;
using Gateway.Load.Running;
using Gateway.Load.Scenarios;
using Gateway.Load.ServerMetrics;
using Spectre.Console;

namespace Gateway.Load.CommandLine;

/// <summary><c>gateway-load capacity TARGET …</c>: the highest rate that holds an objective.</summary>
internal static class CapacityCommand
{
    private const double DefaultTrialSeconds = 5;
    private const double DefaultShare = 0.99;

    // What load at a machine's knee leaves no room for: bursts, a neighbour's work, an estimate that is a little off.
    private const double DefaultHeadroom = 0.2;

    public static int Run(ParseResult parsed, IAnsiConsole console, TextWriter error, string[] args, CancellationToken stop)
    {
        PlanReader reader = new(parsed);
        Objective objective = ReadObjective(parsed, reader);
        double seconds = reader.Seconds(LoadOptions.Trial, DefaultTrialSeconds);
        int repeats = parsed.GetValue(LoadOptions.Repeats);
        if (repeats is < 1 or > 100) reader.Complain("--repeats: must be from 1 to 100");
        double forRate = parsed.GetValue(LoadOptions.ForRate);
        if (parsed.GetResult(LoadOptions.ForRate) is { Implicit: false } && forRate is not (> 0 and <= 1e12)) reader.Complain("--for-rate: must be above 0");
        double headroom = reader.Share(LoadOptions.Headroom, DefaultHeadroom);
        double serverCores = parsed.GetValue(LoadOptions.ServerCores);
        if (serverCores is not (>= 0 and <= 100_000)) reader.Complain("--server-cores: must be above 0");
        IReadOnlyList<ScenarioPlan> plans = Plans(parsed, reader);
        Uri? url = reader.Metrics(plans.Count > 0 ? plans[0].Target : null);
        reader.ThrowIfWrong();
        Outcome.ThrowIfUnwritable(parsed);
        DateTimeOffset started = TimeProvider.System.GetUtcNow();
        Display.PlainDisplay display = new(console.Profile.Out.Writer);

        // All of them first: a mistake in the last is not to cost the hours of the others.
        List<Preparation> prepared = [.. plans.Select(plan => Preparation.Create(plan, TimeProvider.System))];
        List<CapacityOf> settings = [];
        List<string> doubts = [];
        string? partial = null;
        using MetricsSource? metrics = url is null ? null : MetricsSource.TryOpen(url, TimeProvider.System);
        foreach (Preparation each in prepared)
        {
            if (stop.IsCancellationRequested) partial ??= "stopped before its end";
            if (partial is not null) break;
            CapacityRun? run = Measure(each, out CapacityOf? setting);
            if (setting is not null) settings.Add(setting with { Machines = forRate > 0 ? MachineCount.For(setting, forRate, headroom) : null });
            if (run?.Doubt is { } doubt) doubts.Add(doubt);
            partial ??= run?.Partial;
        }

        LoadReport report = new()
        {
            Kind = "capacity",
            Started = started,
            Command = CommandText.Of(args),
            Machine = MachineFacts.Read(),
            Partial = partial,
            Warnings = [.. doubts, .. settings.SelectMany(setting => setting.Warnings)],
            IsVouchedFor = doubts.Count == 0,
            Capacity = new CapacityResult(objective.Share, objective.Seconds * 1000, settings),
        };
        int code = Outcome.End(report, parsed, console, error, stop.IsCancellationRequested);
        return code == ExitCode.Good && settings.All(setting => setting.Knee == 0) ? ExitCode.ThresholdFailed : code;

        CapacityRun? Measure(Preparation each, out CapacityOf? setting)
        {
            string name = each.Plan.Carrier.Name;
            setting = null;
            try
            {
                CapacityRun run = new(new ServerLoad(each, metrics, TimeProvider.System, stop), name, objective, seconds, repeats, display);
                setting = run.Measure(Callers.Of(each.Plan), serverCores);
                return run;
            }
            catch (LoadException exception)
            {
                // What was found over the carriers before is kept.
                partial = $"{name}: {exception.Message}";
                return null;
            }
        }
    }

    /// <summary>One for each carrier, saturated; what is wrong the reader is told.</summary>
    public static IReadOnlyList<ScenarioPlan> Plans(ParseResult parsed, PlanReader reader)
    {
        List<ScenarioPlan> plans = [];
        foreach (string carrier in (parsed.GetValue(LoadOptions.Carrier) ?? "").Split(','))
        {
            string[] parts = carrier.Split('@', 2);
            if (reader.Scenario(parts[0].Length > 0 ? parts[0] : null, [new LoadSimulation(SimulationKind.Pause, 1)], 0, parts.Length > 1 ? parts[1] : null) is not { } plan) continue;
            plans.Add(plan with { Simulations = [new LoadSimulation(SimulationKind.KeepConstant, 1) { Copies = Callers.Of(plan).Copies }] });
        }

        return plans;
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
        else if (threshold.Percentile is > 0 and < 1 && threshold.Operator[0] == '<' && !threshold.EndsRun) return new Objective(threshold.Percentile, threshold.Limit);
        else reader.Complain($"--slo: '{other}' is no percentile below a time (such as \"p99.9 < 20ms\")");
        return new Objective(DefaultShare, 1);
    }
}
