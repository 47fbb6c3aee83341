using System.Text.Json;

namespace Gateway.Load.Scenarios.Files;

/// <summary>Reads <c>loadSimulations</c>.</summary>
internal static class SimulationReader
{
    private const double MostRate = 10_000_000;
    private const int MostCopies = 60_000;

    public static IReadOnlyList<LoadSimulation> Read(FileValues scenario, string path, TraceShelf traces, List<string> problems)
    {
        if (scenario.List("loadSimulations").Count == 0) scenario.Complain("loadSimulations", "must have one simulation at least");
        return [.. scenario.List("loadSimulations").Select(each => One(each, path, traces, problems))];
    }

    private static LoadSimulation One(LocatedJson value, string path, TraceShelf traces, List<string> problems)
    {
        FileValues values = new(value, path, problems, "type", "rate", "minRate", "maxRate", "interval", "during", "copies", "arrivals", "burst", "file");
        LoadSimulation nothing = new(SimulationKind.Pause, 1);
        if (!Enum.TryParse(values.Text("type"), out SimulationKind kind) || !Enum.IsDefined(kind) || char.IsDigit(values.Text("type")[0]))
        {
            values.Complain("type", $"must be one of {string.Join(", ", Enum.GetNames<SimulationKind>())}");
            return nothing;
        }

        bool isReplay = kind == SimulationKind.Replay;
        double seconds = values.Duration("during", isReplay ? 0 : 1, isRequired: !isReplay);
        if (!isReplay && seconds <= 0) values.Complain("during", "must be above 0");
        LoadSimulation simulation = new(kind, Math.Max(seconds, 1e-3));
        bool isOpen = simulation.IsOpen && !isReplay;
        if (isOpen) simulation = Open(simulation, values);
        if (simulation.IsClosed) simulation = simulation with { Copies = values.Whole("copies", 1, 0, MostCopies, isRequired: true) };
        if (isReplay) simulation = Replay(simulation, seconds, values, traces);
        foreach ((string name, bool isUsed) in new[]
        {
            ("rate", kind is SimulationKind.Inject or SimulationKind.RampingInject), ("minRate", kind == SimulationKind.InjectRandom), ("maxRate", kind == SimulationKind.InjectRandom),
            ("copies", simulation.IsClosed), ("arrivals", isOpen), ("burst", isOpen && simulation.Arrivals == ArrivalKind.Burst), ("interval", isOpen), ("file", isReplay),
        })
        {
            if (!isUsed && values.Has(name)) values.Complain(name, $"means nothing to {kind}");
        }

        return simulation;
    }

    private static LoadSimulation Open(LoadSimulation simulation, FileValues values)
    {
        // As NBomber has it, a rate is so many in each interval.
        double interval = values.Duration("interval", 1);
        if (interval <= 0) values.Complain("interval", "must be above 0");
        string arrivals = values.Text("arrivals", "poisson");
        if (!Enum.TryParse(arrivals, ignoreCase: true, out ArrivalKind kind) || !Enum.IsDefined(kind)) values.Complain("arrivals", "must be poisson, constant or burst");
        bool isRandom = simulation.Kind == SimulationKind.InjectRandom;
        double rate = isRandom ? values.Number("maxRate", 1, 0, MostRate, isRequired: true) : values.Number("rate", 1, 0, MostRate, isRequired: true);
        double least = isRandom ? values.Number("minRate", 0, 0, MostRate) : 0;
        if (least > rate) values.Complain("minRate", "is above maxRate");
        interval = Math.Max(interval, 1e-6);
        if (rate / interval > MostRate) values.Complain(isRandom ? "maxRate" : "rate", FormattableString.Invariant($"is {rate / interval:0} a second, more than {MostRate:0}"));
        return simulation with
        {
            Rate = rate / interval,
            MinRate = least / interval,
            IntervalSeconds = interval,
            Arrivals = kind,
            Burst = values.Whole("burst", 1, 1, 100_000),
        };
    }

    private static LoadSimulation Replay(LoadSimulation simulation, double seconds, FileValues values, TraceShelf traces)
    {
        if (values.Get("file") is not { Type: JsonTokenType.String } file)
        {
            values.Complain("file", "is missing: a trace, with a line {\"at\": seconds} for each arrival");
            return simulation;
        }

        return traces.Find(values, file) is { } trace ? simulation with { Times = trace.Times, Seconds = seconds > 0 ? seconds : trace.Times[^1] + 1e-3 } : simulation;
    }
}
