using Gateway.Core.Memory;
using Gateway.Server.Grpc.Messages;
using Gateway.Server.Grpc.Wire;
using Gateway.UnitTests.OpenInference;
using Google.Protobuf;

namespace Gateway.UnitTests.Grpc;

/// <summary>Calls that begin and do not go on. That nothing leaks is checked as the server is disposed.</summary>
public sealed class StalledCallTests : IAsyncLifetime
{
    private const string Stream = GrpcClient.Service + "ModelStreamInfer";
    private const string Infer = GrpcClient.Service + "ModelInfer";

    // The grace is five seconds.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private GrpcServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await GrpcServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Messages_ThatAreOnlyAnnounced_LeaveHalfOfThePool()
    {
        const int Connections = 4;
        const int Streams = 300;
        const int Announced = 2_000_000;
        List<Http2Wire> wires = [];
        byte[] start = [0, .. BitConverter.GetBytes(System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(Announced)), 10];
        for (int i = 0; i < Connections; i++)
        {
            Http2Wire wire = await Http2Wire.OpenAsync(_server.Port);
            wires.Add(wire);
            for (int stream = 1; stream < 2 * Streams; stream += 2)
            {
                await wire.CallAsync(stream, stream % 4 == 1 ? Stream : Infer);
                await wire.DataAsync(stream, start);
            }
        }

        await Eventually.TrueAsync(() => _server.Pool.RentedBlocks(BlockOwner.RequestTensors) == Connections * Streams, "each call holds a block");

        // Give or take a message for each connection that looks at the same time.
        Assert.InRange(_server.Pool.RentedBytes, _server.Pool.CeilingBytes / 4, (_server.Pool.CeilingBytes / 2) + (Connections * Streams * BlockPool.SmallestBlock) + (Connections * Announced * 2));
        foreach (Http2Wire wire in wires) wire.Dispose();
        await Eventually.TrueAsync(() => _server.Pool.RentedBytes == 0, "all blocks are back");
    }

    [Fact]
    public void Share_OfAConnection_LetsOneHaveAllAndManyHalf()
    {
        GatherShare share = new(100);

        Assert.True(share.TryGrow(0, 500));
        Assert.True(share.TryGrow(500, 1000));
        Assert.False(share.TryGrow(0, 1));
        share.GiveBack(1000);
        Assert.True(share.TryGrow(0, 60));
        Assert.False(share.TryGrow(0, 41));
        Assert.True(share.TryGrow(0, 40));
        Assert.False(share.TryGrow(40, 41));
        share.GiveBack(60);
        Assert.True(share.TryGrow(40, 100));
    }

    [Fact]
    public async Task Calls_SilentInTheMiddle_EndAloneWhileOthersGoOn()
    {
        byte[] message = GrpcClient.Frame(Requests.Raw("rank", [1, 3], 1, 2, 3).ToByteArray());
        using GrpcDuplex quiet = _server.Client.Open(Stream);
        await quiet.WriteAsync(message);
        Assert.Equal("", (await quiet.ReadAsync(ModelStreamInferResponse.Parser))!.ErrorMessage);
        using GrpcDuplex midPrefix = _server.Client.Open(Stream);
        await midPrefix.WriteAsync(message[..3]);
        using GrpcDuplex midMessage = _server.Client.Open(Stream);
        await midMessage.WriteAsync([.. message, .. message[..20]]);
        using GrpcDuplex unary = _server.Client.Open(Infer);
        await unary.WriteAsync(message[..20]);
        using GrpcDuplex empty = _server.Client.Open(GrpcClient.Service + "ServerLive");
        await empty.WriteAsync([]);

        Assert.Equal("", (await midMessage.ReadAsync(ModelStreamInferResponse.Parser))!.ErrorMessage);
        foreach (GrpcDuplex stalled in new[] { midPrefix, midMessage, unary, empty })
        {
            Assert.Equal((1, "the message came at less than 240 bytes a second"), await stalled.EndAsync().WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken));
        }

        // The one that is silent between messages is still there, and with it the connection.
        await quiet.WriteAsync(message);
        Assert.Equal("", (await quiet.ReadAsync(ModelStreamInferResponse.Parser))!.ErrorMessage);
        quiet.Close();
        Assert.Equal((0, ""), await quiet.EndAsync());
    }

    [Fact]
    public async Task Message_ThatComesSlowlyEnough_IsServed()
    {
        byte[] message = GrpcClient.Frame(Requests.Raw("any", [1, 1000], new float[1000]).ToByteArray());
        using GrpcDuplex slow = _server.Client.Open(Stream);

        // A thousand bytes a second.
        for (int at = 0; at < message.Length; at += 500)
        {
            await slow.WriteAsync(message[at..Math.Min(message.Length, at + 500)]);
            await Task.Delay(TimeSpan.FromMilliseconds(800), TimeProvider.System, TestContext.Current.CancellationToken);
        }

        Assert.Equal("", (await slow.ReadAsync(ModelStreamInferResponse.Parser))!.ErrorMessage);
        slow.Close();
        Assert.Equal((0, ""), await slow.EndAsync());
    }

    [Theory]
    [InlineData("ModelInfer", 0, true)]
    [InlineData("ModelInfer", int.MaxValue, false)]
    [InlineData("ServerMetadata", 0, true)]
    public async Task SmallAnswers_ThatNoWindowLetsGo_AreReset(string method, int streamWindow, bool hasWindow)
    {
        const int Calls = 50;
        using Http2Wire wire = await Http2Wire.OpenAsync(_server.Port, streamWindow, hasWindow);
        if (!hasWindow)
        {
            // Takes all of the connection's.
            await wire.CallAsync(1, Infer);
            byte[] large = GrpcClient.Frame(Requests.Raw("any", [1, 17_000], new float[17_000]).ToByteArray());
            foreach (byte[] piece in large.Chunk(16_000)) await wire.DataAsync(1, piece);
            await wire.DataAsync(1, [], isLast: true);
            for (int received = 0; received < 65_535;)
            {
                Http2Wire.Frame? frame = await wire.ReadAsync(frame => frame.Type == Http2Wire.Data).WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken);
                received += frame!.Payload.Length;
            }
        }

        byte[] small = GrpcClient.Frame(method == "ModelInfer" ? Requests.Raw("rank", [1, 3], 1, 2, 3).ToByteArray() : []);
        for (int i = 1; i <= Calls; i++)
        {
            await wire.CallAsync((2 * i) + 1, GrpcClient.Service + method);
            await wire.DataAsync((2 * i) + 1, small, isLast: true);
        }

        HashSet<int> reset = [];
        while (reset.Count < Calls)
        {
            Http2Wire.Frame? frame = await wire.ReadAsync(frame => frame.Type is Http2Wire.ResetStream or Http2Wire.GoAway || frame.EndsStream).WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken);
            Assert.Equal(Http2Wire.ResetStream, frame?.Type);
            if (frame!.Stream != 1) reset.Add(frame.Stream);
        }

        await Eventually.TrueAsync(() => _server.Pool.RentedBlocks(BlockOwner.ResponseTensors) <= (hasWindow ? 0 : 1), "nothing is kept for them");
    }

    [Theory]
    [InlineData(Infer, true)]
    [InlineData(Stream, false)]
    public async Task Answer_ThatIsNotTaken_IsResetAloneUnlessOfAStreamWhileOthersGoOn(string path, bool isReset)
    {
        byte[] large = GrpcClient.Frame(Requests.Raw("any", [1, 17_000], new float[17_000]).ToByteArray());
        byte[] small = GrpcClient.Frame(Requests.Raw("rank", [1, 3], 1, 2, 3).ToByteArray());
        using Http2Wire wire = await Http2Wire.OpenAsync(_server.Port, streamWindow: 1000);
        await wire.CallAsync(1, path);
        foreach (byte[] piece in large.Chunk(16_000)) await wire.DataAsync(1, piece);

        await wire.CallAsync(3, Infer);
        await wire.DataAsync(3, small, isLast: true);
        Assert.NotNull(await wire.ReadAsync(frame => frame.Stream == 3 && frame.EndsStream));
        if (isReset)
        {
            Http2Wire.Frame? reset = await wire.ReadAsync(frame => frame.Type is Http2Wire.ResetStream or Http2Wire.GoAway).WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken);
            Assert.Equal((Http2Wire.ResetStream, 1), (reset?.Type, reset?.Stream));
        }
        else
        {
            // Its user may be busy with an answer: the rest is there when the client goes on.
            await Task.Delay(TimeSpan.FromSeconds(10), TimeProvider.System, TestContext.Current.CancellationToken);
            await wire.SendAsync(Http2Wire.Bytes(Http2Wire.WindowUpdate, 0, 1, [0, 16, 0, 0]));
            await wire.DataAsync(1, [], isLast: true);
            Assert.NotNull(await wire.ReadAsync(frame => frame.Stream == 1 && frame.EndsStream));
        }

        await wire.CallAsync(5, Infer);
        await wire.DataAsync(5, small, isLast: true);

        Assert.NotNull(await wire.ReadAsync(frame => frame.Stream == 5 && frame.EndsStream));
        await Eventually.TrueAsync(() => _server.Pool.RentedBlocks(BlockOwner.ResponseTensors) == 0, "nothing is kept for it");
    }
}
