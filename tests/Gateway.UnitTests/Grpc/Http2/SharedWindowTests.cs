using System.Buffers.Binary;
using Google.Protobuf;
using static Gateway.UnitTests.Grpc.Http2Wire;

namespace Gateway.UnitTests.Grpc.Http2;

/// <summary>A connection's window, most of which is taken by streams that are not read. That nothing leaks is checked as the server is disposed.</summary>
public sealed class SharedWindowTests : IAsyncLifetime
{
    // 16,000,000 of 16,777,216 bytes.
    private const int Stalled = 16;
    private const int EachBytes = 1_000_000;
    private const int Other = (2 * Stalled) + 1;
    private const int FirstWindow = 65_535;
    private const int StreamWindow = 1 << 20;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private GrpcServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await GrpcServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Streams_ThatStall_LeaveTheRestToOthers()
    {
        using Http2Wire wire = await OpenAsync(_server.Port, streamWindow: 0);
        int sent = await StallAsync(wire);

        await wire.CallAsync(Other, GrpcClient.Service + "ModelInfer");
        await UploadAsync(wire, sent);
    }

    [Fact]
    public async Task Streams_ThatAreCancelled_GiveBackWhatNobodyRead()
    {
        using Http2Wire wire = await OpenAsync(_server.Port, streamWindow: 0);
        int sent = await StallAsync(wire);
        await wire.CallAsync(Other, GrpcClient.Service + "ModelInfer");
        for (int stream = 1; stream < Other; stream += 2) await wire.SendAsync(Bytes(ResetStream, 0, stream, [0, 0, 0, 8]));

        await UploadAsync(wire, sent);
    }

    /// <summary>Fills the windows of streams whose answers are not taken.</summary>
    /// <returns>Bytes.</returns>
    private static async Task<int> StallAsync(Http2Wire wire)
    {
        byte[] message = GrpcClient.Frame(Requests.Raw("rank", [1, 3], 1, 2, 3).ToByteArray());
        byte[] messages = [.. Enumerable.Repeat(message, EachBytes / message.Length).SelectMany(each => each)];
        for (int stream = 1; stream < Other; stream += 2)
        {
            await wire.CallAsync(stream, GrpcClient.Service + "ModelStreamInfer");
            foreach (byte[] piece in messages.Chunk(16_000)) await wire.DataAsync(stream, piece);
        }

        return Stalled * messages.Length;
    }

    /// <summary>Sends one call's message of some megabytes, as its windows allow.</summary>
    private static async Task UploadAsync(Http2Wire wire, int sent)
    {
        const int Elements = 750_000;
        byte[] body = GrpcClient.Frame(Requests.Raw("any", [1, Elements], new float[Elements]).ToByteArray());
        long ofConnection = FirstWindow - sent;
        long ofStream = StreamWindow;
        foreach (byte[] piece in body.Chunk(16_000))
        {
            while (Math.Min(ofConnection, ofStream) < piece.Length)
            {
                Frame? frame = await wire.ReadAsync().WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken);
                Assert.True(frame is { Type: not (ResetStream or GoAway) }, $"frame {frame?.Type} of stream {frame?.Stream}");
                if (frame!.Type != WindowUpdate) continue;
                int more = BinaryPrimitives.ReadInt32BigEndian(frame.Payload);
                if (frame.Stream == 0) ofConnection += more;
                if (frame.Stream == Other) ofStream += more;
            }

            await wire.DataAsync(Other, piece);
            ofConnection -= piece.Length;
            ofStream -= piece.Length;
        }

        await wire.DataAsync(Other, [], isLast: true);
        await wire.SendAsync(Bytes(WindowUpdate, 0, Other, [0, 64, 0, 0]));
        Assert.NotNull(await wire.ReadAsync(frame => frame.Stream == Other && frame.EndsStream).WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken));
    }
}
