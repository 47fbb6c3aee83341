using Gateway.Load;
using Gateway.Load.Carriers.Http;
using Gateway.Load.Carriers.Null;
using Gateway.Load.CommandLine;
using Gateway.Load.Reports;
using Gateway.Load.Results;
using Gateway.Load.Sockets;
using Spectre.Console;

namespace Gateway.UnitTests.Load.Running;

/// <summary>The whole program over TLS, against a server with a certificate that nobody has signed.</summary>
public sealed class TlsRunTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gateway-load");
    private readonly StringWriter _error = new();

    // Some records of TLS long.
    private readonly NullServer _server = new(
        () => new HttpResponder([.. "HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n"u8, .. new byte[50_000]]), TlsServer.Create("http/1.1"));

    public void Dispose()
    {
        _server.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public void Run_Insecure_AnswersAll()
    {
        int code = Run("--rate", "200", "--duration", "1s", "--warm-up", "200ms", "--connections", "4", "--verify", "--insecure");

        Assert.Equal(ExitCode.Good, code);
        ScenarioResult result = Assert.Single(ReportJson.Read(Path.Combine(_folder.FullName, "report.json")).Scenarios);
        Assert.True(result.Answered > 50);
        Assert.Equal((result.Offered, result.Answered, 0L), (result.Answered, result.Verified, result.Wrong));
        Assert.StartsWith("https://", result.Target);
    }

    [Fact]
    public void Run_CertificateThatNobodyHasSigned_SaysSo()
    {
        Assert.Equal(ExitCode.CannotStart, Run("--rate", "10"));
        Assert.Contains("no TLS", _error.ToString());
        Assert.Contains("certificate", _error.ToString());
    }

    private int Run(params string[] args)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Interactive = InteractionSupport.No, Out = new AnsiConsoleOutput(TextWriter.Null) });
        string[] all = [$"https://localhost:{_server.EndPoint.Port}/x", .. args, "--accept-client-limit", "--metrics", "none", "--report", Path.Combine(_folder.FullName, "report")];
        return LoadProgram.Run(all, console, _error, CancellationToken.None);
    }
}
