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

        Assert.Contains(code, new[] { ExitCode.Good, ExitCode.ClientIsTheLimit });
        ScenarioResult result = Assert.Single(Report().Scenarios);
        Assert.True(result.Answered > 50);
        Assert.Equal(result.Offered, result.Answered);
        Assert.Equal(result.Answered, result.Verified);
        Assert.Equal(0, result.Wrong);
    }

    [Fact]
    public void Run_ServerThatRefuses_CountsRefusalsByReason()
    {
        int asked = 0;
        using NullServer server = new(() => new HttpResponder(Interlocked.Increment(ref asked) == 1
            ? "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"u8.ToArray()
            : "HTTP/1.1 503 No\r\nContent-Length: 0\r\nInference-Refusal: queue_full\r\n\r\n"u8.ToArray()));

        int code = Run([$"http://{server.EndPoint}/x", "--rate", "200", "--duration", "500ms", "--warm-up", "0", "--connections", "2", "--threshold", "refused < 1%"]);

        Assert.Contains(code, new[] { ExitCode.ThresholdFailed, ExitCode.ClientIsTheLimit });
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

    private int Run(string[] args)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Interactive = InteractionSupport.No, Out = new AnsiConsoleOutput(TextWriter.Null) });
        string[] common = args[0] is "compare" or "capacity" ? [] : ["--accept-client-limit", "--metrics", "none"];
        return LoadProgram.Run([.. args, .. common, "--report", Path.Combine(_folder.FullName, "report")], console, _error, CancellationToken.None);
    }
}
