using Gateway.Load;
using Gateway.Load.Carriers.Http;
using Gateway.Load.Carriers.Null;
using Gateway.Load.CommandLine;
using Spectre.Console;

namespace Gateway.UnitTests.Load.CommandLine;

public sealed class CommandTextTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gateway-load");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("gateway-load http://x --token '***' --rate 1", "http://x", "--token", "s3cret", "--rate", "1")]
    [InlineData("gateway-load '--token=***' x", "--token=s3cret", "x")]
    [InlineData("gateway-load '--token:***'", "--token:s3cret")]
    [InlineData("gateway-load --header 'Authorization: ***'", "--header", "Authorization: Bearer s3cret")]
    [InlineData("gateway-load '--header=authorization: ***'", "--header=authorization:s3cret")]
    [InlineData("gateway-load '--header:Cookie: ***'", "--header:Cookie: a=s3cret")]
    [InlineData("gateway-load --header 'X-Api-Key: ***'", "--header", "X-Api-Key: s3cret")]
    [InlineData("gateway-load --header 'X-Session-Token: ***'", "--header", "X-Session-Token:s3cret")]
    [InlineData("gateway-load 'http://x/y?api_key=***&v=***' --rate 1", "http://x/y?api_key=s3cret&v=2", "--rate", "1")]
    [InlineData("gateway-load capacity --carrier 'http@http://x/?k=***' '--metrics=http://x/metrics?token=***#a=b'", "capacity", "--carrier", "http@http://x/?k=s3cret,frames", "--metrics=http://x/metrics?token=s3cret#a=b")]
    [InlineData("gateway-load http://x/a=b 'http://x/?flag'", "http://x/a=b", "http://x/?flag")]
    [InlineData("gateway-load --header 'Accept: key' --threshold 'p99 < 5ms' ''", "--header", "Accept: key", "--threshold", "p99 < 5ms", "")]
    public void Of_WhatGivesAccess_IsLeftOut(string text, params string[] args) => Assert.Equal(text, CommandText.Of(args));

    [Fact]
    public void Run_TokenAndHeaders_AreInNoFileThatIsWritten()
    {
        using NullServer server = new(() => new HttpResponder("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"u8.ToArray()));
        string[] load = [$"http://{server.EndPoint}/x?api_key=s3cretQuery", "--rate", "50", "--duration", "500ms", "--warm-up", "0", "--skip-proof", "--accept-client-limit", "--metrics", "none"];

        Assert.Equal(ExitCode.Good, Run("one", [.. load, "--token", "s3cretToken", "--header", "X-Api-Key: s3cretKey", "--header=Cookie: id=s3cretCookie"]));
        Assert.Equal(ExitCode.Good, Run("both", ["compare", At("one.json"), At("one.json")]));
        Assert.Contains(Run("all", ["merge", At("one.json")]), new[] { ExitCode.Good, ExitCode.ClientIsTheLimit });

        FileInfo[] files = _folder.GetFiles();
        Assert.Equal(10, files.Length);
        Assert.All(files, file => Assert.DoesNotContain("s3cret", File.ReadAllText(file.FullName)));
        Assert.Contains("--token", File.ReadAllText(At("one.md")));
    }

    private string At(string name) => Path.Combine(_folder.FullName, name);

    private int Run(string report, string[] args)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Interactive = InteractionSupport.No, Out = new AnsiConsoleOutput(TextWriter.Null) });
        return LoadProgram.Run([.. args, "--report", At(report)], console, TextWriter.Null, TestContext.Current.CancellationToken);
    }
}
