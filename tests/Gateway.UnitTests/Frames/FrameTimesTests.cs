using System.Buffers;
using System.IO.Pipelines;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Tenants;
using Gateway.Protocol.Frames;
using Gateway.Server.Frames;
using Gateway.Server.Hosting;
using Gateway.Server.Tenants;
using Gateway.TestSupport;
using Gateway.UnitTests.Messages;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Extensions.Logging.Abstractions;
using Map = System.Collections.Generic.Dictionary<string, object?>;

namespace Gateway.UnitTests.Frames;

/// <summary>How long a client may take, on a clock that the test moves.</summary>
public sealed class FrameTimesTests : IConnectionHeartbeatFeature, IDisposable
{
    private readonly ManualTimeProvider _time = new();
    private readonly BlockPool _pool = new(64L << 20, lockPages: false);

    // Inline: when a write returns, the server has seen it.
    private readonly Pipe _toServer = new(new PipeOptions(readerScheduler: PipeScheduler.Inline, useSynchronizationContext: false));
    private readonly Pipe _fromServer = new(new PipeOptions(pauseWriterThreshold: 1024, resumeWriterThreshold: 512));
    private readonly DefaultConnectionContext _connection;
    private readonly Task _served;
    private Action? _beat;

    public FrameTimesTests()
    {
        _connection = new DefaultConnectionContext("test", new Duplex(_toServer.Reader, _fromServer.Writer), application: null!);
        _connection.Features.Set<IConnectionHeartbeatFeature>(this);
        _served = new FrameConnection(_connection, new FramesOptions(), new ModelCatalog(), _pool, new ServerHealth(new ModelCatalog(), new ServerOptions()), new CallerTenants(TenantDirectory.None, new ServerOptions()), _time, NullLogger.Instance).RunAsync();
    }

    void IConnectionHeartbeatFeature.OnHeartbeat(Action<object> action, object state) => _beat = () => action(state);

    public void Dispose() => _pool.Dispose();

    [Fact]
    public async Task NoHello_IsClosedWhenItsTimeIsOver()
    {
        Pass(FrameConnection.HelloTime);
        Assert.False(_served.IsCompleted);
        Pass(TimeSpan.FromMilliseconds(1));

        await AssertComplaintAsync("no hello came in time");
    }

    [Fact]
    public async Task Idle_IsClosedWhenItsTimeIsOver()
    {
        await GreetAsync();
        Pass(FrameConnection.IdleTime);
        await PingAsync();
        Pass(FrameConnection.IdleTime);
        await PingAsync();
        Pass(FrameConnection.IdleTime + TimeSpan.FromMilliseconds(1));

        await AssertComplaintAsync("the connection was idle for too long");
    }

    [Fact]
    public async Task FrameThatStops_IsClosed()
    {
        await GreetAsync();
        byte[] frame = FrameSocket.Frame("ping", 1, null);
        await _toServer.Writer.WriteAsync(frame.AsMemory(0, 6), TestContext.Current.CancellationToken);
        Pass(TimeSpan.FromSeconds(5));
        Assert.False(_served.IsCompleted);
        Pass(TimeSpan.FromSeconds(1));

        await AssertComplaintAsync("the frame arrives too slowly");
    }

    [Fact]
    public async Task FrameThatKeepsComing_IsWaitedFor()
    {
        await GreetAsync();
        byte[] frame = FrameSocket.Frame("ping", 1, new string('x', 3000));
        for (int i = 0; i < frame.Length; i += 300)
        {
            await _toServer.Writer.WriteAsync(frame.AsMemory(i, Math.Min(300, frame.Length - i)), TestContext.Current.CancellationToken);
            Pass(TimeSpan.FromSeconds(1));
        }

        Assert.Equal("ping", (await ReceiveAsync()).Kind);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(20_000)]
    public async Task FrameThatTheWindowKeepsOut_MayTakeItsTime(int bodyBytes)
    {
        await GreetAsync(window: 4);
        byte[] large = FrameSocket.Frame("ping", 1000, new string('x', bodyBytes));

        // More answers than the connection takes, and the window's worth of them beyond.
        const int Calls = 300;
        for (int i = 0; i < Calls; i++) await SendPingAsync(i);
        await _toServer.Writer.WriteAsync(large, TestContext.Current.CancellationToken);
        await Eventually(() => _fromServer.Reader.TryRead(out ReadResult result) && Peek(result) > 1024);
        Pass(TimeSpan.FromSeconds(50));
        for (int i = 0; i <= Calls; i++) Assert.Equal("ping", (await ReceiveAsync()).Kind);

        // Nor does it count afterwards, when nothing is on its way.
        Pass(TimeSpan.FromSeconds(100));
        await PingAsync();
    }

    [Fact]
    public async Task Idle_CountsFromTheLastAnswer()
    {
        await GreetAsync();
        for (int i = 0; i < 200; i++) await SendPingAsync(i);
        await Eventually(() => _fromServer.Reader.TryRead(out ReadResult result) && Peek(result) > 1024);
        for (int i = 0; i < 50; i++) Pass(TimeSpan.FromSeconds(1));
        for (int i = 0; i < 200; i++) Assert.Equal("ping", (await ReceiveAsync()).Kind);
        Pass(FrameConnection.IdleTime);
        await PingAsync();
    }

    [Fact]
    public async Task ClientThatTakesNothing_IsCutOff()
    {
        await GreetAsync();
        using CancellationTokenRegistration aborted = _connection.ConnectionClosed.Register(() => _toServer.Writer.Complete(new ConnectionAbortedException()));
        for (int i = 0; i < 200; i++) await _toServer.Writer.WriteAsync(FrameSocket.Frame("ping", i, null), TestContext.Current.CancellationToken);
        await Eventually(() => _fromServer.Reader.TryRead(out ReadResult result) && Peek(result) > 1024);

        Pass(FrameSender.TakeTime);
        Assert.False(_connection.ConnectionClosed.IsCancellationRequested);

        // A few kilobytes at the least rate.
        Pass(TimeSpan.FromSeconds(1));

        await Eventually(() => _connection.ConnectionClosed.IsCancellationRequested);
        await _fromServer.Reader.CompleteAsync();
        await _served.WaitAsync(TestContext.Current.CancellationToken);
    }

    private static Task Eventually(Func<bool> condition) => OpenInference.Eventually.TrueAsync(condition, "the other side has come as far");

    private long Peek(ReadResult result)
    {
        long length = result.Buffer.Length;
        _fromServer.Reader.AdvanceTo(result.Buffer.Start);
        return length;
    }

    private void Pass(TimeSpan time)
    {
        _time.Advance(time);
        _beat!();
    }

    private async Task GreetAsync(long window = 0)
    {
        await _toServer.Writer.WriteAsync(FrameSocket.Frame("hello", 0, new Map { ["version"] = 1L, ["window"] = window }), TestContext.Current.CancellationToken);
        Assert.Equal("hello", (await ReceiveAsync()).Kind);
    }

    private async Task SendPingAsync(int call) => await _toServer.Writer.WriteAsync(FrameSocket.Frame("ping", call, null), TestContext.Current.CancellationToken);

    private async Task PingAsync()
    {
        await SendPingAsync(1);
        Assert.Equal("ping", (await ReceiveAsync()).Kind);
    }

    private async Task AssertComplaintAsync(string complaint)
    {
        (string kind, Map body) = await ReceiveAsync();
        Assert.Equal(("error", complaint), (kind, body["error"]));
        await _served.WaitAsync(TestContext.Current.CancellationToken);
    }

    private async Task<(string Kind, Map Body)> ReceiveAsync()
    {
        byte[] length = await TakeAsync(Frame.LengthBytes);
        object?[] message = (object?[])Maps.Read(await TakeAsync((int)Frame.ReadLength(length)))!;
        return ((string)message[0]!, message[2] as Map ?? []);
    }

    private async Task<byte[]> TakeAsync(int bytes)
    {
        ReadResult result = await _fromServer.Reader.ReadAtLeastAsync(bytes, TestContext.Current.CancellationToken);
        byte[] taken = result.Buffer.Slice(0, bytes).ToArray();
        _fromServer.Reader.AdvanceTo(result.Buffer.GetPosition(bytes));
        return taken;
    }

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
