using Gateway.Harness;
using Gateway.Harness.Machine;
using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Scenarios;
using Gateway.Harness.Scenarios.Cache;
using Gateway.Harness.Scenarios.Gpu;
using Gateway.Harness.Subjects;

switch (args)
{
    case [BareKestrel.Command, .. string[] rest]:
        await BareKestrel.RunAsync(rest);
        return 0;
    case [BareHttp2.Command, .. string[] rest]:
        await BareHttp2.RunAsync(rest);
        return 0;
    case [BareRun.Command, .. string[] rest]:
        BareRun.Run(rest);
        return 0;
    case [GpuPartProcess.Command, .. string[] rest]:
        GpuPartProcess.Run(rest);
        return 0;
    case [ClientRun.Command, .. string[] rest]:
        await ClientRun.RunAsync(rest);
        return 0;
    case [ResultsPage.Command, .. string[] rest]:
        return ResultsPage.Run(rest);
}

IScenario[] all =
[
    new Noise(),
    new LightHttp("light-http", BenchModel.Mlp),
    new LightHttp("light-http-12k", BenchModel.Mlp3K),
    new AddedLatency(),
    new SaturatedModel(BenchModel.Heavy, budget: 0.97, stretch: 2),
    new SaturatedModel(BenchModel.Conv, budget: 0.80, stretch: 1),
    new Frames("frames", BenchModel.Mlp, [(1, 1), (1, 16), (1, 256), (8, 1), (8, 16), (8, 256)], hasBudgets: true),
    new Frames("frames-heavy", BenchModel.Heavy, [(1, 1), (1, 16), (8, 16)], hasBudgets: false),
    new Grpc(BenchModel.Mlp),
    new DotNetClient("client", BenchModel.Mlp, [(1, 1), (1, 16), (1, 256), (8, 1), (8, 16), (8, 256)], hasBudgets: true),
    new DotNetClient("client-heavy", BenchModel.Heavy, [(1, 1), (1, 16), (8, 16)], hasBudgets: false),
    .. Overloads(BenchModel.Mlp, 10, Traffic.Steady, Traffic.Bursty, Traffic.Mixed, Traffic.Retrying),
    .. Overloads(BenchModel.Conv, 8, Traffic.Steady, Traffic.Bursty, Traffic.Mixed, Traffic.Retrying, Traffic.Recovery),
    .. Overloads(BenchModel.Heavy, 300, Traffic.Steady),
    .. Overloads(BenchModel.GpuLike, 60, Enum.GetValues<Traffic>()),
    new Proxy(),
    new Hop(),
    new GrpcHop(),
    new Fleet(),
    new FleetUneven(),
    new Allocation(),
    new Copies(),
    new Startup(),
    new CacheHits(),
    new CacheMisses(),
    new CacheZipf(),
    new CacheHerd(),
    new Gpu("webgpu"),
    new Gpu("cuda"),
];
try
{
    HarnessOptions options = HarnessOptions.Parse(args);
    IScenario[] chosen = options.Scenarios.Contains("all") ? [.. all.Where(scenario => scenario is not Gpu)] : [.. options.Scenarios.Select(Named)];
    if (chosen.Length == 0) throw new ArgumentException("no scenario given");
    if (!OperatingSystem.IsLinux()) throw new PlatformNotSupportedException("the harness pins processes and waits on sockets with Linux's own calls: it runs on Linux only");
    MachineFacts machine = MachineFacts.Read();
    if (chosen.Any(scenario => scenario.PinsClient)) Affinity.PinClient();
    Console.WriteLine($"{machine.Cpu}, {machine.Cores} cores; {(machine.Gpu.Length > 0 ? $"{machine.Gpu}; " : "")}{machine.Pinning}; commit {machine.Commit}");
    bool hasFailed = false;
    foreach (IScenario scenario in chosen)
    {
        string command = $"dotnet run -c Release --project bench/Gateway.Harness -- {string.Join(' ', args)}";
        ScenarioResult result = new(scenario.Name, TimeProvider.System.GetUtcNow(), command, options.Effort.Rounds, options.Effort.Seconds, machine, []);
        foreach (IReadOnlyList<Comparison> part in scenario.MeasureInParts(options.Effort))
        {
            result = result with { Comparisons = [.. result.Comparisons, .. part] };
            if (options.ResultsFolder is { } folder) ResultWriter.Write(result, folder);
        }

        hasFailed |= result.Comparisons.Any(comparison => comparison.Failure is not null);
        ResultWriter.Print(result, Console.Out);
        if (options.ResultsFolder is { } entries) ResultWriter.AppendEntry(result, entries);
    }

    int page = options.ResultsFolder is { } recorded ? ResultsPage.Run([recorded]) : 0;
    return hasFailed ? 1 : page;
}
catch (Exception error) when (error is ArgumentException or IOException or InvalidDataException or PlatformNotSupportedException or HttpRequestException)
{
    Console.Error.WriteLine($"error: {error.Message}");
    if (error is ArgumentException) Console.Error.WriteLine($"{HarnessOptions.Usage}\n{string.Join('\n', all.Select(scenario => $"  {scenario.Name,-18} {scenario.Summary}"))}");
    return 1;
}

IScenario Named(string name) => all.FirstOrDefault(scenario => scenario.Name == name) ?? throw new ArgumentException($"there is no scenario '{name}'");

static IEnumerable<IScenario> Overloads(BenchModel model, int milliseconds, params Traffic[] traffic) => traffic.Select(each => new Overload(model, TimeSpan.FromMilliseconds(milliseconds), each));
