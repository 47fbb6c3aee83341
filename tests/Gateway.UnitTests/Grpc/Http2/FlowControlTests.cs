using Gateway.Server.Grpc.Messages;
using Google.Protobuf;
using static Gateway.UnitTests.Grpc.Http2Wire;

namespace Gateway.UnitTests.Grpc.Http2;

/// <summary>Windows, both ways. That nothing leaks is checked as the server is disposed.</summary>
public sealed class FlowControlTests : IAsyncLifetime
{
    private const string Infer = GrpcClient.Service + "ModelInfer";
    private const string Stream = GrpcClient.Service + "ModelStreamInfer";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private GrpcServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await GrpcServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Streams_ThatDoNotReadTheirAnswers_StopThemselvesAlone()
    {
        using Http2Wire wire = await OpenAsync(_server.Port, streamWindow: 1000);
        byte[] message = GrpcClient.Frame(Requests.Raw("any", [1, 3000], new float[3000]).ToByteArray());
        int[] blocked = [1, 3];
        foreach (int stream in blocked)
        {
            await wire.CallAsync(stream, Stream);

            // As much as the server lets in of a stream that it does not read any more, and no more.
            for (int sent = 0; sent + message.Length <= 1_000_000; sent += message.Length) await wire.DataAsync(stream, message);
        }

        await wire.CallAsync(5, GrpcClient.Service + "ModelReady");
        await wire.DataAsync(5, GrpcClient.Frame(new ModelReadyRequest { Name = "any" }.ToByteArray()), isLast: true);
        await wire.CallAsync(7, Infer);
        await wire.DataAsync(7, GrpcClient.Frame(Requests.Raw("rank", [1, 3], 1, 2, 3).ToByteArray()), isLast: true);

        HashSet<int> ended = [];
        while (ended.Count < 2 && await ReadAsync(wire) is { } frame)
        {
            Assert.True(frame.Type is not (ResetStream or GoAway), $"frame {frame.Type} of stream {frame.Stream}");
            if (frame.EndsStream) ended.Add(frame.Stream);
        }

        Assert.Equal([5, 7], ended.Order());
    }

    [Theory]
    [InlineData(Infer)]
    [InlineData(Stream)]
    public async Task Answer_GoesAsFarAsItsWindow_WhichMayShrinkBelowNothing(string path)
    {
        using Http2Wire wire = await OpenAsync(_server.Port, streamWindow: 30);
        await wire.CallAsync(1, path);
        await wire.DataAsync(1, GrpcClient.Frame(Requests.Raw("rank", [1, 3], 1, 2, 3).ToByteArray()), isLast: true);

        Assert.Equal(30, (await ReadAsync(wire, Data))!.Payload.Length);

        // 20 less, 15 more, and a byte: still 4 below nothing.
        await wire.SendAsync((byte[])[.. Bytes(Settings, 0, 0, [0, 4, 0, 0, 0, 10]), .. Bytes(WindowUpdate, 0, 1, [0, 0, 0, 15]), .. Bytes(WindowUpdate, 0, 1, [0, 0, 0, 1]), .. Bytes(Ping, 0, 0, new byte[8])]);
        Assert.Equal(Ping, (await wire.ReadAsync(frame => frame.Type is Data or Ping && frame.Type != Settings).WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken))!.Type);
        await wire.SendAsync(Bytes(WindowUpdate, 0, 1, [0, 0, 0, 6]));
        Assert.Equal(2, (await ReadAsync(wire, Data))!.Payload.Length);
        await wire.SendAsync(Bytes(Settings, 0, 0, [0, 4, 0, 0, 255, 255]));
        Assert.True((await ReadAsync(wire, Data))!.Payload.Length > 10);
        Assert.NotNull(await wire.ReadAsync(frame => frame.EndsStream).WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Settings_OfSeveralWindows_AreTheLast()
    {
        using Http2Wire wire = await OpenAsync(_server.Port, streamWindow: 0);
        await wire.CallAsync(1, Infer);
        await wire.DataAsync(1, GrpcClient.Frame(Requests.Raw("rank", [1, 3], 1, 2, 3).ToByteArray()), isLast: true);

        await wire.SendAsync(Bytes(Settings, 0, 0, [0, 4, 0, 0, 0, 30, 0, 4, 0, 0, 0, 0, 0, 4, 0, 0, 0, 7]));

        Assert.Equal(7, (await ReadAsync(wire, Data))!.Payload.Length);
    }

    [Fact]
    public async Task Answers_ShareTheConnectionsWindow_AndOthersNeedNone()
    {
        using Http2Wire wire = await OpenAsync(_server.Port, hasWindow: false);
        byte[] large = GrpcClient.Frame(Requests.Raw("any", [1, 15_000], new float[15_000]).ToByteArray());
        for (int stream = 1; stream <= 5; stream += 2)
        {
            await wire.CallAsync(stream, Infer);
            foreach (byte[] piece in large.Chunk(16_000)) await wire.DataAsync(stream, piece);
            await wire.DataAsync(stream, [], isLast: true);
        }

        int received = 0;
        int ended = 0;
        while (received < 65_535)
        {
            Frame frame = (await ReadAsync(wire))!;
            if (frame.Type == Data) received += frame.Payload.Length;
            if (frame.EndsStream) ended++;
        }

        Assert.Equal(65_535, received);

        // A call without a message is answered all the same.
        await wire.CallAsync(7, "/no.Service/Method");
        Frame? next = await wire.ReadAsync(frame => frame.Type == Data || (frame.Stream == 7 && frame.EndsStream)).WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken);
        Assert.Equal((Headers, 7), (next?.Type, next?.Stream));
        await wire.SendAsync(Bytes(WindowUpdate, 0, 0, [0, 16, 0, 0]));
        while (ended < 3) ended += (await ReadAsync(wire))!.EndsStream ? 1 : 0;
    }

    [Fact]
    public async Task Upload_LargerThanAllWindows_IsTakenAndAnswered()
    {
        const int Elements = 6_000_000;
        float[] elements = new float[Elements];
        elements[^1] = 7;

        ModelInferResponse answer = await _server.Client.InferAsync(Requests.Raw("any", [1, Elements], elements));

        Assert.Equal(elements, Requests.Floats(answer.RawOutputContents[0]));
    }

    [Fact]
    public async Task Data_BeyondTheStreamsWindow_IsAnError()
    {
        using Http2Wire wire = await OpenAsync(_server.Port, streamWindow: 0);
        await wire.CallAsync(1, Stream);
        byte[] message = GrpcClient.Frame(Requests.Raw("any", [1, 3000], new float[3000]).ToByteArray());
        Task<Frame?> end = wire.ReadAsync(frame => frame.Type is ResetStream or GoAway);

        // Windows that are given back are not waited for; the stream's own requests fill it at last.
        for (int i = 0; i < 20_000 && !end.IsCompleted; i++) await wire.DataAsync(1, message);

        Frame? error = await end.WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken);
        Assert.Equal(ResetStream, error?.Type);
        Assert.Equal(3, error!.Payload[3]);
    }

    private static async Task<Frame?> ReadAsync(Http2Wire wire, byte? type = null) =>
        await wire.ReadAsync(frame => type is null || frame.Type == type).WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken);
}
