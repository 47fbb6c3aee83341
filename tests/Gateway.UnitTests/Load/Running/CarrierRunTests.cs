using Gateway.Load;
using Gateway.Load.CommandLine;
using Gateway.Load.Reports;
using Gateway.Load.Results;
using Gateway.UnitTests.Grpc;
using Spectre.Console;

namespace Gateway.UnitTests.Load.Running;

/// <summary>The whole program over each carrier against a gateway in this process, and what is made of its reports.</summary>
public sealed class CarrierRunTests : IAsyncLifetime
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gateway-load");
    private readonly StringWriter _error = new();
    private GrpcServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await GrpcServer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Theory]
    [InlineData("http-binary")]
    [InlineData("http-json")]
    [InlineData("msgpack-http")]
    [InlineData("frames")]
    [InlineData("grpc")]
    public void Run_Carrier_AnswersAllWithTwoThreads(string carrier)
    {
        Good("run", [Target(carrier), "--carrier", carrier, "--model", "two", "--rate", "300", "--duration", "1s", "--warm-up", "200ms", "--verify", "--timeout-ms", "20000", "--threads", "2", "--connections", "4", "--accept-client-limit", "--metrics", "none"]);

        ScenarioResult result = Assert.Single(Read("run").Scenarios);
        Assert.True(result.Answered > 150);
        Assert.Equal((result.Offered, result.Answered, 0L), (result.Answered, result.Verified, result.Wrong));
        Assert.Equal((2, 4, carrier), (result.Threads, result.ConnectionsUp, result.Carrier));
    }

    [Fact]
    public void MergeAndDraw_TwoProcesses_AreOneReport()
    {
        foreach (string seed in new[] { "1", "2" })
        {
            Good($"part{seed}", [Target("frames"), "--model", "two", "--rate", "100", "--duration", "1s", "--warm-up", "0", "--skip-proof", "--seed", seed, "--accept-client-limit", "--metrics", "none", "--threshold", "errors < 1%"]);
        }

        // On a busy machine neither can be vouched for, and so not the whole.
        Assert.Contains(Run("all", ["merge", At("part1.json"), At("part2.json")]), new[] { ExitCode.Good, ExitCode.ClientIsTheLimit });

        LoadReport all = Read("all");
        Assert.Equal(Read("part1").Scenarios[0].Answered + Read("part2").Scenarios[0].Answered, all.Scenarios[0].Answered);
        Assert.True(Assert.Single(all.Thresholds).IsKept);

        // One after the other here, which it says.
        Assert.Contains(all.Warnings, warning => warning.Contains("not at the same time", StringComparison.Ordinal));
        Assert.Equal(ExitCode.BadSettings, Run("all", ["merge", At("part1.json"), At("part1.json")]));
        Assert.NotEqual(Read("part1").Scenarios[0].Intervals, Read("part2").Scenarios[0].Intervals);

        Good("again", ["draw", At("all.json")]);
        Assert.Equal(File.ReadAllText(At("all.md")), File.ReadAllText(At("again.md")));
        Assert.Equal(File.ReadAllText(At("all.html")), File.ReadAllText(At("again.html")));
        Good("both", ["compare", At("part1.json"), At("part2.json")]);
        Assert.Contains("| p99 |", File.ReadAllText(At("both.md")));
    }

    [Fact]
    public void Run_TwoScenariosAtOnce_AreBothMeasured()
    {
        File.WriteAllText(At("two.json"), $$"""
            {
              "scenarios": [
                { "name": "open", "target": "{{Target("frames")}}", "model": "two", "loadSimulations": [ { "type": "Inject", "rate": 100, "during": "1s" } ] },
                { "name": "closed", "target": "{{Target("http-binary")}}", "model": "two", "threads": 2, "loadSimulations": [ { "type": "KeepConstant", "copies": 3, "during": "1s" } ] }
              ],
              "thresholds": [ "errors < 1%" ]
            }
            """);

        Good("run", ["--scenario", At("two.json"), "--accept-client-limit", "--metrics", "none"]);

        LoadReport report = Read("run");
        Assert.Equal(["open", "closed"], report.Scenarios.Select(scenario => scenario.Name));
        Assert.All(report.Scenarios, scenario => Assert.True(scenario.Answered > 30 && scenario.Answered == scenario.Offered));
        Assert.Equal(2, report.Thresholds.Count);
    }

    // By hand: a minute and more, longer on a busy machine.
    [Fact(Explicit = true)]
    public void Capacity_TwoCarriers_FindsBothAndCountsMachines()
    {
        Good("capacity", ["capacity", Target("http-binary"), "--carrier", $"http-binary,frames@{Target("frames")}", "--model", "two", "--slo-p99", "100ms", "--trial", "300ms", "--repeats", "1", "--for-rate", "100", "--accept-client-limit", "--metrics", "none"]);

        CapacityResult capacity = Read("capacity").Capacity!;
        Assert.Equal(["http-binary", "frames"], capacity.Settings.Select(setting => setting.Name));
        Assert.All(capacity.Settings, setting => Assert.True(setting.Knee > 0 && setting.Machines is not null));
    }

    // By hand: a minute and more, longer on a busy machine.
    [Fact(Explicit = true)]
    public void Prove_Carrier_SaysWhatTheClientCanOffer()
    {
        StringWriter output = new();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Interactive = InteractionSupport.No, Out = new AnsiConsoleOutput(output) });
        console.Profile.Width = 300;

        Assert.Equal(ExitCode.Good, LoadProgram.Run(["prove", Target("frames"), "--model", "two"], console, _error, CancellationToken.None));

        Assert.Matches(@"\| frames \| 1 \| \S+ \| [\d.]+ µs \| [\d,]+ \| [\d.]+ µs \|", output.ToString().Replace("none | –", "none | 0 µs", StringComparison.Ordinal));
    }

    [Fact]
    public void Capacity_CarrierThatIsNotThere_IsFoundOutFirst()
    {
        Assert.Equal(ExitCode.CannotStart, Run("capacity", ["capacity", Target("http-binary"), "--carrier", "http-binary,frames@frames://127.0.0.1:1", "--model", "two", "--slo-p99", "1s"]));
        Assert.Contains("frames://127.0.0.1:1", _error.ToString());
        Assert.False(File.Exists(At("capacity.json")));
    }

    private string Target(string carrier) => carrier switch
    {
        "frames" => $"frames://127.0.0.1:{_server.Server.FramesPort}",
        "grpc" => $"grpc://127.0.0.1:{_server.Port}",
        _ => $"http://127.0.0.1:{_server.Server.Port}",
    };

    private string At(string name) => Path.Combine(_folder.FullName, name);

    private LoadReport Read(string name) => ReportJson.Read(At($"{name}.json"));

    private void Good(string report, string[] args)
    {
        int code = Run(report, args);
        Assert.True(code == ExitCode.Good, $"{code}: {_error}");
    }

    private int Run(string report, string[] args)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Interactive = InteractionSupport.No, Out = new AnsiConsoleOutput(TextWriter.Null) });
        return LoadProgram.Run([.. args, "--report", At(report)], console, _error, CancellationToken.None);
    }
}
