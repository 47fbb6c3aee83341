using System.Buffers.Binary;
using Gateway.Server.Hosting;
using Google.Protobuf;
using static Gateway.UnitTests.Grpc.Http2Wire;

namespace Gateway.UnitTests.Grpc.Http2;

/// <summary>How connections end, and that silent ones are asked.</summary>
public sealed class GoodbyeTests
{
    private const string Infer = GrpcClient.Service + "ModelInfer";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Stop_SaysSo_TakesCallsOnTheirWay_AndAnswersThem()
    {
        using ManualResetEventSlim gate = new();
        await using GrpcServer server = await GrpcServer.StartAsync();
        server.Server.AddGated(gate);
        byte[] message = GrpcClient.Frame(Requests.Raw("gated", [1, 1], 1).ToByteArray());
        using Http2Wire wire = await OpenAsync(server.Port);
        await wire.CallAsync(1, Infer);
        await wire.DataAsync(1, message, isLast: true);
        await wire.CallAsync(3, GrpcClient.Service + "ServerLive");
        await wire.DataAsync(3, GrpcClient.Frame([]), isLast: true);
        Assert.NotNull(await ReadAsync(wire, frame => frame.Stream == 3 && frame.EndsStream));

        Task stopping = server.StopAsync();
        Frame first = (await ReadAsync(wire, frame => frame.Type == GoAway))!;
        Assert.Equal(int.MaxValue, BinaryPrimitives.ReadInt32BigEndian(first.Payload));
        Frame ping = (await ReadAsync(wire, frame => frame.Type == Ping))!;

        // This one was on its way.
        await wire.CallAsync(5, GrpcClient.Service + "ServerLive");
        await wire.DataAsync(5, GrpcClient.Frame([]), isLast: true);
        await wire.SendAsync(Bytes(Ping, 1, 0, ping.Payload));
        List<int> ended = [];
        Frame? last = null;
        gate.Set();
        while (await ReadAsync(wire, _ => true) is { } frame)
        {
            if (frame.EndsStream) ended.Add(frame.Stream);
            if (frame.Type == GoAway) last = frame;
        }

        Assert.Equal([1, 5], ended.Order());
        Assert.Equal(5, BinaryPrimitives.ReadInt32BigEndian(last!.Payload));
        Assert.Equal(0, BinaryPrimitives.ReadInt32BigEndian(last.Payload.AsSpan(4)));
        await stopping.WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task SilentClient_IsPinged_AndStaysIfItAnswers(bool answers)
    {
        await using GrpcServer server = await GrpcServer.StartAsync(new ServerOptions { GrpcKeepaliveTime = 1000, GrpcKeepaliveTimeout = 2000 });
        using Http2Wire wire = await OpenAsync(server.Port);

        for (int pings = 0; pings < 3; pings++)
        {
            Frame? ping = await ReadAsync(wire, frame => frame.Type == Ping);
            if (pings > 0 && !answers)
            {
                Assert.Null(ping);
                return;
            }

            Assert.NotNull(ping);
            if (answers) await wire.SendAsync(Bytes(Ping, 1, 0, ping.Payload));
        }

        await wire.CallAsync(1, GrpcClient.Service + "ServerLive");
        await wire.DataAsync(1, GrpcClient.Frame([]), isLast: true);
        Assert.NotNull(await ReadAsync(wire, frame => frame.EndsStream));
    }

    [Fact]
    public async Task Client_ThatDoesNotGreet_IsLetGo()
    {
        await using GrpcServer server = await GrpcServer.StartAsync();

        await Task.WhenAll(new[] { "", "PRI * HTTP/2.0\r\n\r\nSM", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" }.Select(async start =>
        {
            using Http2Wire wire = await ConnectAsync(server.Port);
            await wire.SendAsync(System.Text.Encoding.ASCII.GetBytes(start));
            while (await ReadAsync(wire, _ => true) is not null)
            {
            }
        }));
    }

    [Fact]
    public async Task Bytes_ThatAreNoHttp_AreRefused()
    {
        await using GrpcServer server = await GrpcServer.StartAsync();
        using Http2Wire wire = await ConnectAsync(server.Port);
        await wire.SendAsync((byte[])[0x16, 3, 1, 2, 0, 1]);

        Assert.Equal(GoAway, (await ReadAsync(wire, _ => true))?.Type);
        Assert.Null(await ReadAsync(wire, _ => true));
    }

    private static Task<Frame?> ReadAsync(Http2Wire wire, Func<Frame, bool> isWanted) => wire.ReadAsync(isWanted).WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken);
}
