using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Gateway.Server.Hosting;
using Gateway.TestSupport;
using Microsoft.AspNetCore.Connections;

namespace Gateway.UnitTests.Hosting;

public sealed class PrefaceDetectionTests
{
    private const string Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n", false)]
    [InlineData("POST /v2", false)]
    [InlineData("PROPFIND", false)]
    [InlineData("PRI * HTTP/1.1\r\n", false)]
    [InlineData("", null)]
    [InlineData("P", null)]
    [InlineData("PRI * HTTP/2.0\r\n\r\nSM\r\n\r", null)]
    [InlineData(Preface, true)]
    [InlineData(Preface + "more", true)]
    public void StartsWithPreface_Bytes_TellsAsSoonAsItCan(string bytes, bool? expected) =>
        Assert.Equal(expected, PrefaceDetection.StartsWithPreface(new ReadOnlySequence<byte>(Encoding.ASCII.GetBytes(bytes))));

    [Theory]
    [InlineData(Preface + "frames", "http2")]
    [InlineData("PUT /x HTTP/1.1\r\n\r\n", "http1")]
    public async Task OnConnectionAsync_BytesOneByOne_LeavesThemAllToTheProtocol(string bytes, string expected)
    {
        string? chosen = null;
        string? seen = null;
        Pipe input = new();
        await using DefaultConnectionContext connection = Connection(input);
        Task run = Detection((name, text) => (chosen, seen) = (name, text)).OnConnectionAsync(connection);

        foreach (byte each in Encoding.ASCII.GetBytes(bytes)) await input.Writer.WriteAsync(new[] { each }, TestContext.Current.CancellationToken);
        await input.Writer.CompleteAsync();
        await run;

        Assert.Equal((expected, bytes), (chosen, seen));
    }

    [Fact]
    public async Task OnConnectionAsync_ClientThatLeavesAtOnce_ReachesNoProtocol()
    {
        string? chosen = null;
        Pipe input = new();
        await using DefaultConnectionContext connection = Connection(input);

        await input.Writer.CompleteAsync();
        await Detection((name, _) => chosen = name).OnConnectionAsync(connection);

        Assert.Null(chosen);
    }

    [Fact]
    public async Task OnConnectionAsync_AbortedConnection_ReachesNoProtocol()
    {
        string? chosen = null;
        using CancellationTokenSource closed = new();
        await using DefaultConnectionContext connection = Connection(new Pipe());
        connection.ConnectionClosed = closed.Token;
        Task run = Detection((name, _) => chosen = name).OnConnectionAsync(connection);

        await closed.CancelAsync();
        await run;

        Assert.Null(chosen);
    }

    [Fact]
    public async Task OnConnectionAsync_SilentClient_IsGivenUpWhenPatienceEnds()
    {
        string? chosen = null;
        ManualTimeProvider time = new();
        await using DefaultConnectionContext connection = Connection(new Pipe());
        Task run = Detection((name, _) => chosen = name, time).OnConnectionAsync(connection);

        time.Advance(time.Ticks(PrefaceDetection.Patience) - 1);
        Assert.False(run.IsCompleted);
        time.Advance(1);
        await run.WaitAsync(TestContext.Current.CancellationToken);

        Assert.Null(chosen);
    }

    private static PrefaceDetection Detection(Action<string, string> chosen, TimeProvider? time = null) =>
        new(connection => DrainAsync("http1", connection, chosen), connection => DrainAsync("http2", connection, chosen), time ?? TimeProvider.System);

    private static async Task DrainAsync(string name, ConnectionContext connection, Action<string, string> chosen)
    {
        using StreamReader reader = new(connection.Transport.Input.AsStream(), Encoding.ASCII);
        chosen(name, await reader.ReadToEndAsync(TestContext.Current.CancellationToken));
    }

    private static DefaultConnectionContext Connection(Pipe input) => new() { Transport = new Transport(input.Reader, new Pipe().Writer) };

    private sealed record Transport(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
