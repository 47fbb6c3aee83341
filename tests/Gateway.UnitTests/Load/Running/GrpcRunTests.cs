using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Load;
using Gateway.Load.CommandLine;
using Gateway.Load.Reports;
using Gateway.Load.Results;
using Gateway.UnitTests.Grpc;
using Gateway.UnitTests.OpenInference;
using Spectre.Console;

namespace Gateway.UnitTests.Load.Running;

/// <summary>The whole program against a gateway's gRPC in this process.</summary>
public sealed class GrpcRunTests : IAsyncLifetime
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gateway-load");
    private readonly StringWriter _error = new();
    private GrpcServer _server = null!;
    private bool _isStopped;

    private string Target => $"grpc://127.0.0.1:{_server.Port}";

    public async ValueTask InitializeAsync() => _server = await GrpcServer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        if (!_isStopped) await _server.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Theory]
    [InlineData("--rate", "300")]
    [InlineData("--concurrency", "20")]
    public void Run_Model_AnswersAllAndVerifies(params string[] load)
    {
        int code = Run([Target, "--model", "two", .. load, "--duration", "1s", "--warm-up", "200ms", "--verify", "--timeout-ms", "20000", "--connections", "2"]);

        Assert.Equal(ExitCode.Good, code);
        ScenarioResult result = Assert.Single(Report().Scenarios);
        Assert.True(result.Answered > 50);
        Assert.Equal((result.Offered, result.Answered, 0L), (result.Answered, result.Verified, result.Wrong));
    }

    [Fact]
    public void Run_WrongModel_SaysWhatTheServerSaid()
    {
        Assert.Equal(ExitCode.CannotStart, Run([Target, "--model", "nobody", "--rate", "10"]));
        Assert.Contains("model 'nobody': NOT_FOUND", _error.ToString());
    }

    [Fact]
    public void Run_NoTlsThere_SaysSo()
    {
        Assert.Equal(ExitCode.CannotStart, Run([Target.Replace("grpc:", "grpcs:", StringComparison.Ordinal), "--model", "two", "--rate", "10"]));
        Assert.Contains("no TLS", _error.ToString());
    }

    [Fact]
    public async Task Run_ServerThatGoesAway_KeepsWhatItHasAndSaysSo()
    {
        Task<int> run = Task.Run(() => Run([Target, "--model", "two", "--rate", "100", "--duration", "60s", "--warm-up", "0", "--skip-proof"]), TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => _server.Catalog.TryFind("two", 0, out ServedModel? model) && model.Batcher.Statistics.Snapshot()[RequestOutcome.Succeeded] > 50, "it is answered");
        _isStopped = true;
        await _server.DisposeAsync();

        Assert.Equal(ExitCode.Partial, await run);
        LoadReport report = Report();
        Assert.NotNull(report.Partial);
        Assert.True(report.Scenarios[0].Answered > 10);
        Assert.True(report.Scenarios[0].Seconds < 30);
    }

    private LoadReport Report() => ReportJson.Read(Path.Combine(_folder.FullName, "report.json"));

    private int Run(string[] args)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Interactive = InteractionSupport.No, Out = new AnsiConsoleOutput(TextWriter.Null) });
        return LoadProgram.Run([.. args, "--accept-client-limit", "--metrics", "none", "--report", Path.Combine(_folder.FullName, "report")], console, _error, CancellationToken.None);
    }
}
