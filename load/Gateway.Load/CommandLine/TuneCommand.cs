using System.CommandLine;
using System.Globalization;
using Gateway.Load.Capacity;
using Gateway.Load.Carriers;
using Gateway.Load.Machine;
using Gateway.Load.Results;
using Gateway.Load.Scenarios;
using Gateway.Load.Tuning;
using Spectre.Console;

namespace Gateway.Load.CommandLine;

/// <summary><c>gateway-load tune</c>: settings of a model, on copies of its repository.</summary>
internal static class TuneCommand
{
    private const double DefaultSeconds = 5;
    private const double DefaultShare = 0.99;
    private const int MostSettings = 500;
    private static readonly int[] DefaultDelays = [0, 500, 2000];

    public static int Run(ParseResult parsed, IAnsiConsole console, TextWriter error, string[] args, CancellationToken stop)
    {
        PlanReader reader = new(parsed);
        string model = parsed.GetValue(LoadOptions.Model) ?? "";
        string repository = parsed.GetValue(LoadOptions.Repository) ?? "";
        if (model.Length == 0) reader.Complain("--model is missing");
        if (repository.Length == 0) reader.Complain("--model-repository is missing");
        string? carrier = parsed.GetValue(LoadOptions.Carrier);
        string target = $"{(CarrierNames.Find(carrier ?? "") ?? CarrierNames.All[0]).Scheme}://localhost";
        if (parsed.GetValue(LoadOptions.Rate) is not (>= 0 and <= 10_000_000)) reader.Complain("--rate: must be from above 0 to 10,000,000");
        Objective? objective = parsed.GetValue(LoadOptions.SloP99) is null ? null : new Objective(DefaultShare, reader.Seconds(LoadOptions.SloP99, 1));
        ScenarioPlan? scenario = reader.Scenario(carrier, [new LoadSimulation(SimulationKind.Pause, 1)], 0, target);
        double seconds = reader.Seconds(LoadOptions.Duration, DefaultSeconds);
        IReadOnlyList<TuneSetting> settings = TuneSetting.All(
            Numbers(parsed, LoadOptions.QueueDelays, 0, reader) ?? DefaultDelays,
            Numbers(parsed, LoadOptions.BatchSizes, 1, reader) ?? [],
            Numbers(parsed, LoadOptions.Instances, 1, reader) ?? [],
            Numbers(parsed, LoadOptions.IntraThreads, 1, reader) ?? []);
        if (settings.Count > MostSettings) reader.Complain($"{settings.Count} settings are more than {MostSettings}");
        string program = parsed.GetValue(LoadOptions.Gateway) ?? FindGateway() ?? "";
        if (program.Length == 0) reader.Complain("--gateway: the gateway's program was not found beside this one; say where it is");
        reader.ThrowIfWrong();
        Outcome.ThrowIfUnwritable(parsed);
        DateTimeOffset started = TimeProvider.System.GetUtcNow();
        using RepositoryCopy copy = new(repository, model);
        TuneRun run = new(Start, seconds, parsed.GetValue(LoadOptions.Rate), objective, new Display.PlainDisplay(console.Profile.Out.Writer), stop);
        TuneResult result = run.Run(copy.Original, model, settings);
        LoadReport report = new()
        {
            Kind = "tune",
            Started = started,
            Command = CommandText.Of(args),
            Machine = MachineFacts.Read(),
            Partial = stop.IsCancellationRequested ? "stopped before its end" : null,
            Warnings = [.. run.Doubts, .. run.Notes],
            IsVouchedFor = run.Doubts.Count == 0,
            Tune = result,
        };
        foreach (TunePoint point in result.Points.Where(point => point.IsBest || point.IsAsGood)) console.WriteLine($"{(point.IsBest ? "on the front" : "as good as it")}: {point.Name}: {Quantity.Number(point.Throughput)}/s, p99 {Quantity.Seconds(point.P99Milliseconds / 1000)}");
        int code = Outcome.End(report, parsed, console, error, stop.IsCancellationRequested);
        return code == ExitCode.Good && result.Points.All(point => point.Problem is not null) ? ExitCode.CannotStart : code;

        TunedGateway Start(string config)
        {
            copy.Write(config);
            return new TunedGateway(program, copy.Folder, scenario!, TimeProvider.System, stop);
        }
    }

    private static int[]? Numbers(ParseResult parsed, Option<string> option, int least, PlanReader reader)
    {
        if (parsed.GetValue(option) is not { } text) return null;
        List<int> numbers = [];
        foreach (string each in text.Split(','))
        {
            if (int.TryParse(each, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= least) numbers.Add(number);
            else reader.Complain($"{option.Name}: '{each}' is no whole number from {least}");
        }

        return [.. numbers.Distinct()];
    }

    /// <summary>Beside this program, or where a build of the repository puts it.</summary>
    private static string? FindGateway()
    {
        string name = OperatingSystem.IsWindows() ? "gateway.exe" : "gateway";
        string beside = Path.Combine(AppContext.BaseDirectory, name);
        if (File.Exists(beside)) return beside;
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string built = Path.Combine(folder.FullName, "src", "Gateway", "bin", "Release", "net10.0", name);
            if (File.Exists(built)) return built;
        }

        return null;
    }
}
