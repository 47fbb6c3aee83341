using Gateway.Load;
using Gateway.Load.Carriers.Http;
using Gateway.Load.Carriers.Null;
using Gateway.Load.CommandLine;
using Gateway.Load.Reports;
using Gateway.Load.Results;
using Spectre.Console;

namespace Gateway.UnitTests.Load.Running;

/// <summary>The whole program on real sockets, against servers in this process. Nothing here is a measurement: a busy machine may be as late as it likes.</summary>
public sealed class RealClockTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gateway-load");
    private readonly StringWriter _error = new();

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("--rate", "300")]
    [InlineData("--concurrency", "4")]
    public void Run_PlainServer_AnswersAllAndReports(params string[] load)
    {
        using NullServer server = Server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

        int code = Run([$"http://{server.EndPoint}/x", .. load, "--duration", "1s", "--warm-up", "200ms", "--connections", "4", "--verify"]);

        Assert.Equal(ExitCode.Good, code);
        ScenarioResult result = Assert.Single(Report().Scenarios);
        Assert.True(result.Answered > 50);
        Assert.Equal(result.Offered, result.Answered);
        Assert.Equal(result.Answered, result.Verified);
        Assert.Equal(0, result.Wrong);
    }

    [Fact]
    public void Run_StartAt_BeginsThenAndNotBefore()
    {
        using NullServer server = Server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        DateTimeOffset at = TimeProvider.System.GetUtcNow() + TimeSpan.FromSeconds(2);

        int code = Run([$"http://{server.EndPoint}/x", "--rate", "50", "--duration", "500ms", "--warm-up", "0", "--connections", "2", "--skip-proof", "--start-at", $"{at:O}"]);

        // A machine so busy that the client was not ready in time says so.
        if (code == ExitCode.CannotStart) Assert.Contains("--start-at: the client was ready only at", _error.ToString());
        else Assert.Equal((ExitCode.Good, at), (code, Report().LoadStarted));
    }

    [Fact]
    public void Run_ServerThatRefuses_CountsRefusalsByReason()
    {
        int asked = 0;
        using NullServer server = new(() => new HttpResponder(Interlocked.Increment(ref asked) == 1
            ? "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"u8.ToArray()
            : "HTTP/1.1 503 No\r\nContent-Length: 0\r\nInference-Refusal: queue_full\r\n\r\n"u8.ToArray()));

        int code = Run([$"http://{server.EndPoint}/x", "--rate", "200", "--duration", "500ms", "--warm-up", "0", "--connections", "2", "--threshold", "refused < 1%"]);

        Assert.Equal(ExitCode.ThresholdFailed, code);
        ScenarioResult result = Report().Scenarios[0];
        Assert.Equal(result.Offered, result.Refused);
        Assert.Equal("503 queue_full", Assert.Single(result.Kinds).Kind);
        Assert.Equal(0, result.Failed);
    }

    [Fact]
    public void Run_ServerThatGoesAway_KeepsWhatItHasAndSaysSo()
    {
        NullServer server = Server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        using Timer end = new(_ => server.Dispose(), null, TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan);

        int code = Run([$"http://{server.EndPoint}/x", "--rate", "100", "--duration", "60s", "--warm-up", "0", "--connections", "2", "--skip-proof"]);

        Assert.Equal(ExitCode.Partial, code);
        LoadReport report = Report();
        Assert.Contains("cannot connect", report.Partial);
        Assert.True(report.Scenarios[0].Answered > 10);
        Assert.True(report.Scenarios[0].Seconds < 30);

        // The seconds without a server are among those that count, and so are their calls.
        Assert.True(report.Scenarios[0].OfferedRate > 75);
        Assert.True(report.Scenarios[0].NotSent > report.Scenarios[0].Offered / 2);
    }

    [Fact]
    public void Run_RateThatNoClientOffers_EndsWithoutFigures()
    {
        using NullServer server = Server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

        Assert.Equal(ExitCode.ClientIsTheLimit, RunAs([$"http://{server.EndPoint}/x", "--rate", "600000", "--duration", "1s", "--connections", "2", "--metrics", "none"]));

        Assert.Contains("cannot offer 600,000/s", _error.ToString());
        Assert.Empty(_folder.EnumerateFiles());
    }

    [Fact]
    public void Run_DoubtAfterTheRun_KeepsTheFiguresApartAndMarked()
    {
        // One thread, as many callers as it can carry, against a server that does nothing: the client is what is measured.
        using NullServer server = Server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

        // A machine that stalls during the run and not during the proof after it makes the client look as if it could have offered more: then once more.
        int code = ExitCode.Good;
        for (int i = 0; i < 3 && code != ExitCode.ClientIsTheLimit; i++)
        {
            foreach (FileInfo file in _folder.EnumerateFiles()) file.Delete();
            code = RunAs([$"http://{server.EndPoint}/x", "--concurrency", "16", "--duration", "1s", "--warm-up", "200ms", "--metrics", "none"]);
        }

        Assert.Equal(ExitCode.ClientIsTheLimit, code);
        LoadReport report = ReportJson.Read(Path.Combine(_folder.FullName, "report.doubtful.json"));
        Assert.False(report.IsVouchedFor);
        Assert.True(report.Scenarios[0].Answered > 0);
        Assert.Single(_folder.EnumerateFiles());
    }

    [Fact]
    public void Run_ReportThatCannotBeWritten_SaysSoBeforeAnythingIsMeasured()
    {
        using NullServer server = Server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

        Assert.Equal(ExitCode.ReportFailed, RunAs([$"http://{server.EndPoint}/x", "--rate", "10", "--duration", "60s", "--metrics", "none", "--report", "/proc/nowhere/report"]));
        Assert.Contains("/proc/nowhere/report.json", _error.ToString());
    }

    [Fact]
    public void Run_AnswersThatDiffer_AreWrongAndComeFirstAmongTheCodes()
    {
        int connections = 0;
        using NullServer server = new(() => new HttpResponder(System.Text.Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{Interlocked.Increment(ref connections) % 2}")));

        int code = Run([$"http://{server.EndPoint}/x", "--rate", "200", "--duration", "500ms", "--warm-up", "0", "--connections", "2", "--skip-proof", "--verify", "--threshold", "wrong < 1%"]);

        Assert.Equal(ExitCode.WrongAnswers, code);
        ScenarioResult result = Report().Scenarios[0];
        Assert.InRange(result.Wrong, 1, result.Offered);
        Assert.Equal((result.Wrong, result.Offered), (result.Failed, result.Answered + result.Failed));
    }

    [Fact]
    public void Run_Stopped_ReportsWhatItHasAsPartial()
    {
        using NullServer server = Server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        using CancellationTokenSource stop = new(TimeSpan.FromSeconds(1.5), TimeProvider.System);

        int code = Interrupted([$"http://{server.EndPoint}/x", "--rate", "100", "--duration", "60s", "--warm-up", "0", "--connections", "2", "--skip-proof"], stop.Token);

        Assert.Equal(ExitCode.Interrupted, code);
        Assert.Equal("stopped before its end", Report().Partial);
        Assert.Equal(Report().Scenarios[0].Offered, Report().Scenarios[0].Answered);
    }

    [Fact]
    public void Run_ThresholdThatCanNoLongerBeKept_EndsAllScenariosAsFailed()
    {
        int asked = 0;
        using NullServer good = Server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        using NullServer refuses = new(() => new HttpResponder(Interlocked.Increment(ref asked) == 1
            ? "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"u8.ToArray()
            : "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"u8.ToArray()));
        string file = Path.Combine(_folder.FullName, "two.json");
        File.WriteAllText(file, $$"""
            {
              "scenarios": [
                { "name": "good", "target": "http://{{good.EndPoint}}/x", "loadSimulations": [ { "type": "Inject", "rate": 50, "during": "60s" } ], "thresholds": [ "errors < 100% or stop" ] },
                { "name": "refused", "target": "http://{{refuses.EndPoint}}/x", "loadSimulations": [ { "type": "Inject", "rate": 100, "during": "60s" } ], "thresholds": [ "refused < 1% or stop" ] }
              ]
            }
            """);

        int code = Run(["--scenario", file, "--skip-proof"]);

        Assert.Equal(ExitCode.ThresholdFailed, code);
        LoadReport report = Report();
        Assert.Equal("ended early: 'refused < 1%' can no longer be kept by refused", report.Partial);
        Assert.True(report.IsEndedByThreshold);
        Assert.Equal([true, false], report.Thresholds.Select(threshold => threshold.IsKept));

        // 61 of the 6,000 planned, and no more than a busy machine adds before it looks.
        Assert.True(report.Scenarios[1].Refused >= 55);
        Assert.All(report.Scenarios, scenario => Assert.InRange(scenario.Seconds, 0.1, 40));
    }

    [Fact]
    public void Run_StoppedBeforeItBegan_LeavesAnOlderReport()
    {
        using NullServer server = Server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        string older = Path.Combine(_folder.FullName, "report.json");
        File.WriteAllText(older, "older");

        Assert.Equal(ExitCode.Interrupted, Interrupted([$"http://{server.EndPoint}/x", "--rate", "100"], new CancellationToken(canceled: true)));

        Assert.Equal("older", File.ReadAllText(older));
    }

    [Fact]
    public void Run_MetricsThatAreNotWhereTheyWereSaidToBe_SaysSo()
    {
        using NullServer server = Server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

        Assert.Equal(ExitCode.Good, RunAs([$"http://{server.EndPoint}/x", "--rate", "20", "--duration", "500ms", "--warm-up", "0", "--skip-proof", "--accept-client-limit", "--metrics", $"http://{server.EndPoint}/metrics"]));

        Assert.Contains("/metrics: no metrics could be read there", _error.ToString());
        Assert.Contains(Report().Warnings, warning => warning.Contains("no metrics could be read", StringComparison.Ordinal));
    }

    [Fact]
    public void Run_WarmUpAsLongAsTheTrace_IsRefused()
    {
        string trace = Path.Combine(_folder.FullName, "trace");
        File.WriteAllText(trace, "{\"at\":0}\n{\"at\":2}");

        Assert.Equal(ExitCode.BadSettings, Run(["http://localhost:1/x", "--replay", trace, "--warm-up", "3s"]));
        Assert.Contains("--warm-up: is as long as the whole trace", _error.ToString());
    }

    [Theory]
    [InlineData("2")]
    [InlineData("4")]
    [InlineData("5")]
    public void Run_FewCalls_AreBelieved(string seed)
    {
        using NullServer server = Server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

        Assert.Equal(ExitCode.Good, Run([$"http://{server.EndPoint}/x", "--rate", "5", "--duration", "500ms", "--warm-up", "0", "--seed", seed, "--method", "PUT"]));
    }

    [Fact]
    public void Run_NoServer_CannotStart()
    {
        NullServer server = Server("x");
        string address = $"http://{server.EndPoint}";
        server.Dispose();

        Assert.Equal(ExitCode.CannotStart, Run([address, "--model", "m", "--rate", "10"]));
        Assert.Contains("cannot connect: ConnectionRefused", _error.ToString());
    }

    [Fact]
    public void Run_WrongModel_SaysWhatTheServerSaid()
    {
        using NullServer server = Server("HTTP/1.1 404 Not Found\r\nContent-Length: 24\r\n\r\n{\"error\":\"unknown model\"}"[..^1]);

        Assert.Equal(ExitCode.CannotStart, Run([$"http://{server.EndPoint}", "--model", "nobody", "--rate", "10"]));
        Assert.Contains("model 'nobody': 404", _error.ToString());
    }

    [Fact]
    public void Compare_ReportsWithNothingInCommon_AreRefused()
    {
        using NullServer server = Server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        Run([$"http://{server.EndPoint}/x", "--rate", "20", "--duration", "500ms", "--warm-up", "0", "--skip-proof"]);
        LoadReport run = Report();
        string capacity = Path.Combine(_folder.FullName, "capacity.json");
        File.WriteAllBytes(capacity, ReportJson.Write(run with { Kind = "capacity", Scenarios = [], Capacity = new CapacityResult(0.99, 50, []) }));

        Assert.Equal(ExitCode.BadSettings, RunAs(["compare", Path.Combine(_folder.FullName, "report.json"), capacity]));

        Assert.Contains("have nothing in common", _error.ToString());
    }

    [Theory]
    [InlineData("the target is missing", "--rate", "10")]
    [InlineData("say how much load", "http://x")]
    [InlineData("threshold 'p99 fast'", "http://x", "--rate", "1", "--threshold", "p99 fast")]
    [InlineData("--duration: 'soon' is no duration", "http://x", "--rate", "1", "--duration", "soon")]
    [InlineData("--carrier: 'pigeon' is not known", "http://x", "--rate", "1", "--carrier", "pigeon")]
    [InlineData("--shape: 'x' is not", "http://x", "--model", "m", "--rate", "1", "--shape", "x")]
    [InlineData("nothing speaks pigeon://", "pigeon://x", "--model", "m", "--rate", "1")]
    [InlineData("--carrier frames goes to frames://", "grpcs://x", "--model", "m", "--rate", "1", "--carrier", "frames")]
    [InlineData("--rate", "http://x", "--rate", "many")]
    [InlineData("--threads: must be at most 256", "http://x", "--rate", "1", "--threads", "100000")]
    [InlineData("--start-at: 'noon' is no time to come", "http://x", "--rate", "1", "--start-at", "noon")]
    [InlineData("--start-at: '2026-01-01T00:00:00Z' is no time to come", "http://x", "--rate", "1", "--start-at", "2026-01-01T00:00:00Z")]
    [InlineData("--zipf: must be from 0 to 10", "http://x", "--rate", "1", "--zipf", "-1")]
    [InlineData("--zipf: must be from 0 to 10", "http://x", "--rate", "1", "--zipf", "NaN")]
    [InlineData("--tolerance: must be from 0 to 1", "http://x", "--rate", "1", "--tolerance", "-4")]
    [InlineData("--retry-budget: must be a share", "http://x", "--rate", "1", "--retry-budget", "7")]
    [InlineData("--retries: must be at least 0", "http://x", "--rate", "1", "--retries", "-1")]
    [InlineData("--timeout-ms: must be above 0", "http://x", "--rate", "1", "--timeout-ms", "0")]
    [InlineData("--method: must be one of", "http://x", "--rate", "1", "--method", "HEAD")]
    [InlineData("--method means nothing to frames", "frames://x", "--model", "m", "--rate", "1", "--method", "PUT")]
    [InlineData("http://x: the target belongs into the scenario file", "http://x", "--scenario", "x.json")]
    [InlineData("--rate: must be from above 0", "tune", "--model", "m", "--model-repository", "/", "--rate", "-5")]
    [InlineData("--headroom: '100%' is no share", "capacity", "http://x", "--model", "m", "--slo-p99", "1s", "--headroom", "100%")]
    [InlineData("--for-rate: must be above 0", "capacity", "http://x", "--model", "m", "--slo-p99", "1s", "--for-rate", "-1")]
    [InlineData("scenario file /nowhere.json", "--scenario", "/nowhere.json")]
    [InlineData("--rate belongs into the scenario file", "--scenario", "x.json", "--rate", "1")]
    [InlineData("say what must hold", "capacity", "http://x", "--model", "m")]
    [InlineData("is no report of gateway-load", "compare", "/nowhere.json", "/nowhere.json")]
    public void Run_BadCommandLine_SaysWhatIsWrong(string message, params string[] args)
    {
        Assert.Equal(ExitCode.BadSettings, Run(args));
        Assert.Contains(message, _error.ToString());
    }

    private static NullServer Server(string answer) => new(() => new HttpResponder(System.Text.Encoding.ASCII.GetBytes(answer)));

    private LoadReport Report() => ReportJson.Read(Path.Combine(_folder.FullName, "report.json"));

    private int Run(string[] args) => Interrupted(args, TestContext.Current.CancellationToken);

    private int Interrupted(string[] args, CancellationToken stop)
    {
        string[] common = args[0] is "compare" or "capacity" or "tune" ? [] : ["--accept-client-limit", "--metrics", "none"];
        return InterruptedAs([.. args, .. common], stop);
    }

    private int RunAs(string[] args) => InterruptedAs(args, TestContext.Current.CancellationToken);

    private int InterruptedAs(string[] args, CancellationToken stop)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Interactive = InteractionSupport.No, Out = new AnsiConsoleOutput(TextWriter.Null) });
        string[] report = args.Contains("--report") ? [] : ["--report", Path.Combine(_folder.FullName, "report")];
        return LoadProgram.Run([.. args, .. report], console, _error, stop);
    }
}
