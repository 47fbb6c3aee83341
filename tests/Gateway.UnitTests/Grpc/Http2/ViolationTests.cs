using System.Buffers.Binary;
using System.Text;
using Gateway.Protocol.Http2;
using Gateway.UnitTests.OpenInference;
using static Gateway.UnitTests.Grpc.Http2Wire;

namespace Gateway.UnitTests.Grpc.Http2;

/// <summary>What breaks the protocol ends what it is about, with the code that RFC 9113 has for it, and nothing else.</summary>
public sealed class ViolationTests : IAsyncLifetime
{
    private const string Live = GrpcClient.Service + "ServerLive";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private GrpcServer _server = null!;

    public static TheoryData<string, uint> OfConnections => new()
    {
        { "DATA of the connection", ErrorCodes.Protocol },
        { "DATA of a stream that was never opened", ErrorCodes.Protocol },
        { "DATA of a server's stream", ErrorCodes.Protocol },
        { "DATA with more padding than payload", ErrorCodes.Protocol },
        { "DATA padded without a length", ErrorCodes.FrameSize },
        { "HEADERS of the connection", ErrorCodes.Protocol },
        { "HEADERS of a server's stream", ErrorCodes.Protocol },
        { "HEADERS with more padding than payload", ErrorCodes.Protocol },
        { "HEADERS of a half-closed stream", ErrorCodes.StreamClosed },
        { "HEADERS with a number of nothing", ErrorCodes.Compression },
        { "HEADERS cut short", ErrorCodes.Compression },
        { "HEADERS with a larger table", ErrorCodes.Compression },
        { "HEADERS with a table's size after a field", ErrorCodes.Compression },
        { "HEADERS with three sizes of the table", ErrorCodes.Compression },
        { "HEADERS and then DATA", ErrorCodes.Protocol },
        { "HEADERS and then an unknown frame", ErrorCodes.Protocol },
        { "HEADERS and then another's CONTINUATION", ErrorCodes.Protocol },
        { "HEADERS and empty CONTINUATIONs", ErrorCodes.EnhanceYourCalm },
        { "HEADERS of 64 KiB", ErrorCodes.EnhanceYourCalm },
        { "CONTINUATION without HEADERS", ErrorCodes.Protocol },
        { "PRIORITY of the connection", ErrorCodes.Protocol },
        { "RST_STREAM of the connection", ErrorCodes.Protocol },
        { "RST_STREAM of a stream that was never opened", ErrorCodes.Protocol },
        { "RST_STREAM of another length", ErrorCodes.FrameSize },
        { "SETTINGS of a stream", ErrorCodes.Protocol },
        { "SETTINGS of another length", ErrorCodes.FrameSize },
        { "SETTINGS acknowledged with a payload", ErrorCodes.FrameSize },
        { "SETTINGS with pushes of 2", ErrorCodes.Protocol },
        { "SETTINGS with a window that is too large", ErrorCodes.FlowControl },
        { "SETTINGS with frames that are too small", ErrorCodes.Protocol },
        { "SETTINGS that make a window too large", ErrorCodes.FlowControl },
        { "SETTINGS that make a window too large for a moment", ErrorCodes.FlowControl },
        { "SETTINGS again and again", ErrorCodes.EnhanceYourCalm },
        { "PUSH_PROMISE", ErrorCodes.Protocol },
        { "PING of a stream", ErrorCodes.Protocol },
        { "PING of another length", ErrorCodes.FrameSize },
        { "GOAWAY of a stream", ErrorCodes.Protocol },
        { "GOAWAY cut short", ErrorCodes.FrameSize },
        { "WINDOW_UPDATE of nothing", ErrorCodes.Protocol },
        { "WINDOW_UPDATE of another length", ErrorCodes.FrameSize },
        { "WINDOW_UPDATE of a stream that was never opened", ErrorCodes.Protocol },
        { "WINDOW_UPDATE that makes the window too large", ErrorCodes.FlowControl },
        { "A frame that is too long", ErrorCodes.FrameSize },
    };

    public static TheoryData<string, uint> OfStreams => new()
    {
        { "a header with capitals", ErrorCodes.Protocol },
        { "a header with a space", ErrorCodes.Protocol },
        { "a header without a name", ErrorCodes.Protocol },
        { "a value with a line's end", ErrorCodes.Protocol },
        { "connection", ErrorCodes.Protocol },
        { "transfer-encoding", ErrorCodes.Protocol },
        { "te of gzip", ErrorCodes.Protocol },
        { "no path", ErrorCodes.Protocol },
        { "an empty path", ErrorCodes.Protocol },
        { "two methods", ErrorCodes.Protocol },
        { "no scheme", ErrorCodes.Protocol },
        { "a pseudo-header that is not known", ErrorCodes.Protocol },
        { "a pseudo-header after the others", ErrorCodes.Protocol },
        { "a content-length that is no number", ErrorCodes.Protocol },
        { "more than the content-length", ErrorCodes.Protocol },
        { "less than the content-length", ErrorCodes.Protocol },
        { "fields of 64 KiB from few bytes", ErrorCodes.EnhanceYourCalm },
        { "DATA after the end", ErrorCodes.StreamClosed },
        { "trailers that go on", ErrorCodes.Protocol },
        { "trailers with a pseudo-header", ErrorCodes.Protocol },
        { "PRIORITY of another length", ErrorCodes.FrameSize },
        { "WINDOW_UPDATE of nothing to a stream", ErrorCodes.Protocol },
        { "WINDOW_UPDATE that makes a stream's window too large", ErrorCodes.FlowControl },
    };

    public async ValueTask InitializeAsync() => _server = await GrpcServer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        Assert.Equal(0, (await _server.Client.SendAsync(Live, GrpcClient.Frame([]))).Status);
        await Eventually.TrueAsync(() => _server.Pool.RentedBytes == 0, "all blocks are back");
        await _server.DisposeAsync();
    }

    [Theory]
    [MemberData(nameof(OfConnections))]
    public async Task Violation_OfAConnection_EndsItWithItsCode(string what, uint code)
    {
        using Http2Wire wire = await OpenAsync(_server.Port);
        await wire.SendAsync(ConnectionFrames(what));

        Frame? end = await wire.ReadAsync(frame => frame.Type == GoAway).WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken);

        Assert.NotNull(end);
        Assert.Equal(code, BinaryPrimitives.ReadUInt32BigEndian(end.Payload.AsSpan(4)));
        Assert.Null(await wire.ReadAsync(_ => true).WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken));
    }

    [Theory]
    [MemberData(nameof(OfStreams))]
    public async Task Violation_OfAStream_EndsItAlone(string what, uint code)
    {
        using Http2Wire wire = await OpenAsync(_server.Port);
        await wire.SendAsync(StreamFrames(what));

        Frame? end = await wire.ReadAsync(frame => frame.Type is ResetStream or GoAway).WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken);

        Assert.Equal((ResetStream, 1), (end?.Type, end?.Stream));
        Assert.Equal(code, BinaryPrimitives.ReadUInt32BigEndian(end!.Payload));
        await wire.CallAsync(7, Live);
        await wire.DataAsync(7, GrpcClient.Frame([]), isLast: true);
        Assert.NotNull(await wire.ReadAsync(frame => frame.Stream == 7 && frame.EndsStream).WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Oddities_ThatAreAllowed_ArePassedOver()
    {
        using Http2Wire wire = await OpenAsync(_server.Port, streamWindow: 1000);
        List<byte> head = Head(Live);
        await wire.SendAsync((byte[])[
            .. Bytes(200, 0xFF, 99, [1, 2, 3]), .. Bytes(Priority, 0, 5, [0, 0, 0, 5, 1]), .. Bytes(Settings, 0, 0, [0x12, 0x34, 0, 0, 0, 1]), .. Bytes(GoAway, 0, 0, new byte[8]),
            .. Bytes(Headers, Padded | 0x20, 1, [3, 0, 0, 0, 0, 16, 0x20, 0x3F, 0xE1, 0x1F, .. head[..20], 0, 0, 0]), .. Bytes(Continuation, 0, 1, head[20..21]), .. Bytes(Continuation, EndHeaders, 1, head[21..]),
            .. Bytes(Data, Padded, 1, [2, 0, 0, 0, 0, 0, 0]), .. Bytes(Data, 0, 1, []), .. Bytes(Data, Padded, 1, [5, 0, 0, 0, 0, 0, 0]),
            .. Bytes(Headers, EndHeaders | EndStream, 1, Literal("x-checksum", "1")), .. Bytes(WindowUpdate, 0, 1, [0, 0, 0, 1])]);

        Frame? end = await wire.ReadAsync(frame => frame.EndsStream || frame.Type is ResetStream or GoAway).WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken);

        Assert.Equal((Headers, 1), (end?.Type, end?.Stream));
        Assert.EndsWith("grpc-status\u00010", Encoding.Latin1.GetString(end!.Payload), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Streams_MoreThanMayBe_AreRefused()
    {
        using Http2Wire wire = await OpenAsync(_server.Port);
        for (int i = 0; i <= Server.Grpc.GrpcListener.MostStreams; i++) await wire.CallAsync((2 * i) + 1, GrpcClient.Service + "ModelStreamInfer");

        Frame? refused = await wire.ReadAsync(frame => frame.Type is ResetStream or GoAway).WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken);

        Assert.Equal((ResetStream, (2 * Server.Grpc.GrpcListener.MostStreams) + 1), (refused?.Type, refused?.Stream));
        Assert.Equal(ErrorCodes.RefusedStream, BinaryPrimitives.ReadUInt32BigEndian(refused!.Payload));
    }

    [Fact]
    public async Task Pings_ThatAreNotRead_EndTheConnection()
    {
        using Http2Wire wire = await OpenAsync(_server.Port);
        byte[] ping = [.. Enumerable.Repeat(Bytes(Ping, 0, 0, new byte[8]), 1000).SelectMany(each => each)];

        await Assert.ThrowsAnyAsync<System.Net.Sockets.SocketException>(async () =>
        {
            for (int i = 0; i < 10_000; i++) await wire.SendAsync(ping).WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken);
        });
    }

    private static byte[] ConnectionFrames(string what)
    {
        byte[] open = Bytes(Headers, EndHeaders, 1, Head(Live));
        return what switch
        {
            "DATA of the connection" => Bytes(Data, 0, 0, [1]),
            "DATA of a stream that was never opened" => [.. open, .. Bytes(Data, 0, 3, [1])],
            "DATA of a server's stream" => [.. open, .. Bytes(Data, 0, 2, [1])],
            "DATA with more padding than payload" => [.. open, .. Bytes(Data, Padded, 1, [2, 0])],
            "DATA padded without a length" => [.. open, .. Bytes(Data, Padded, 1, [])],
            "HEADERS of the connection" => Bytes(Headers, EndHeaders, 0, Head(Live)),
            "HEADERS of a server's stream" => Bytes(Headers, EndHeaders, 2, Head(Live)),
            "HEADERS with more padding than payload" => Bytes(Headers, EndHeaders | Padded, 1, [200, .. Head(Live)]),
            "HEADERS of a half-closed stream" => [.. Bytes(Headers, EndHeaders | EndStream, 1, Head(GrpcClient.Service + "ModelStreamInfer")), .. open],
            "HEADERS with a number of nothing" => Bytes(Headers, EndHeaders, 1, [0xFF, 0x20]),
            "HEADERS cut short" => Bytes(Headers, EndHeaders, 1, Head(Live)[..^3]),
            "HEADERS with a larger table" => Bytes(Headers, EndHeaders, 1, [0x3F, 0xE2, 0x1F, .. Head(Live)]),
            "HEADERS with a table's size after a field" => Bytes(Headers, EndHeaders, 1, [.. Head(Live), 0x20]),
            "HEADERS with three sizes of the table" => Bytes(Headers, EndHeaders, 1, [0x20, 0x20, 0x20, .. Head(Live)]),
            "HEADERS and then DATA" => [.. Bytes(Headers, 0, 1, Head(Live)), .. Bytes(Data, 0, 1, [1])],
            "HEADERS and then an unknown frame" => [.. Bytes(Headers, 0, 1, Head(Live)), .. Bytes(99, 0, 1, [1])],
            "HEADERS and then another's CONTINUATION" => [.. Bytes(Headers, 0, 1, Head(Live)), .. Bytes(Continuation, EndHeaders, 3, [])],
            "HEADERS and empty CONTINUATIONs" => [.. Bytes(Headers, 0, 1, []), .. Enumerable.Repeat(Bytes(Continuation, 0, 1, []), 1000).SelectMany(each => each)],
            "HEADERS of 64 KiB" => [.. Bytes(Headers, 0, 1, Head(Live)), .. Enumerable.Repeat(Bytes(Continuation, 0, 1, [.. Enumerable.Repeat(Literal("x", new string('x', 100)), 150).SelectMany(each => each)]), 5).SelectMany(each => each)],
            "CONTINUATION without HEADERS" => [.. open, .. Bytes(Continuation, EndHeaders, 1, [])],
            "PRIORITY of the connection" => Bytes(Priority, 0, 0, new byte[5]),
            "RST_STREAM of the connection" => Bytes(ResetStream, 0, 0, new byte[4]),
            "RST_STREAM of a stream that was never opened" => Bytes(ResetStream, 0, 1, new byte[4]),
            "RST_STREAM of another length" => [.. open, .. Bytes(ResetStream, 0, 1, new byte[3])],
            "SETTINGS of a stream" => Bytes(Settings, 0, 1, []),
            "SETTINGS of another length" => Bytes(Settings, 0, 0, new byte[5]),
            "SETTINGS acknowledged with a payload" => Bytes(Settings, 1, 0, new byte[6]),
            "SETTINGS with pushes of 2" => Setting(2, 2),
            "SETTINGS with a window that is too large" => Setting(4, 1u << 31),
            "SETTINGS with frames that are too small" => Setting(5, 16_383),
            "SETTINGS that make a window too large" => [.. Setting(4, 1000), .. open, .. Bytes(WindowUpdate, 0, 1, [0x7F, 0xFF, 0xFC, 0x17]), .. Setting(4, 2000)],
            "SETTINGS that make a window too large for a moment" => [.. Setting(4, 1000), .. open, .. Bytes(WindowUpdate, 0, 1, [0x7F, 0xFF, 0xFC, 0x17]), .. Bytes(Settings, 0, 0, [0, 4, 0, 0, 7, 208, 0, 4, 0, 0, 3, 232])],
            "SETTINGS again and again" => [.. Enumerable.Repeat(Setting(4, 1000), 300).SelectMany(each => each)],
            "PUSH_PROMISE" => [.. open, .. Bytes(PushPromise, EndHeaders, 1, [0, 0, 0, 2])],
            "PING of a stream" => Bytes(Ping, 0, 1, new byte[8]),
            "PING of another length" => Bytes(Ping, 0, 0, new byte[7]),
            "GOAWAY of a stream" => Bytes(GoAway, 0, 1, new byte[8]),
            "GOAWAY cut short" => Bytes(GoAway, 0, 0, new byte[7]),
            "WINDOW_UPDATE of nothing" => Bytes(WindowUpdate, 0, 0, new byte[4]),
            "WINDOW_UPDATE of another length" => Bytes(WindowUpdate, 0, 0, new byte[5]),
            "WINDOW_UPDATE of a stream that was never opened" => Bytes(WindowUpdate, 0, 1, [0, 0, 0, 1]),
            "WINDOW_UPDATE that makes the window too large" => Bytes(WindowUpdate, 0, 0, [0x7F, 0xFF, 0xFF, 0xFF]),
            "A frame that is too long" => Bytes(99, 0, 0, new byte[16_385]),
            _ => throw new ArgumentOutOfRangeException(nameof(what)),
        };
    }

    private static byte[] StreamFrames(string what)
    {
        List<byte> head = Head(Live);
        byte[] open = Bytes(Headers, EndHeaders, 1, head);
        return what switch
        {
            "a header with capitals" => Call([.. head, .. Literal("X-Name", "1")]),
            "a header with a space" => Call([.. head, .. Literal("x name", "1")]),
            "a header without a name" => Call([.. head, .. Literal("", "1")]),
            "a value with a line's end" => Call([.. head, .. Literal("x", "1\r\n2")]),
            "connection" => Call([.. head, .. Literal("connection", "close")]),
            "transfer-encoding" => Call([.. head, .. Literal("transfer-encoding", "chunked")]),
            "te of gzip" => Call([0x83, 0x86, .. Literal(":path", Live), .. Literal("te", "gzip")]),
            "no path" => Call([0x83, 0x86]),
            "an empty path" => Call([0x83, 0x86, .. Literal(":path", "")]),
            "two methods" => Call([0x83, .. head]),
            "no scheme" => Call([0x83, .. Literal(":path", Live)]),
            "a pseudo-header that is not known" => Call([.. Literal(":protocol", "x"), .. head]),
            "a pseudo-header after the others" => Call([.. Literal("x", "1"), .. head]),
            "a content-length that is no number" => Call([.. head, .. Literal("content-length", "+1")]),
            "more than the content-length" => [.. Call([.. head, .. Literal("content-length", "5")]), .. Bytes(Data, 0, 1, new byte[6])],
            "less than the content-length" => [.. Call([.. head, .. Literal("content-length", "7")]), .. Bytes(Data, EndStream, 1, new byte[6])],
            "fields of 64 KiB from few bytes" => Call([.. head, 0x40, .. Literal("x", new string('y', 120))[1..], .. Enumerable.Repeat((byte)0xBE, 1000)]),
            "DATA after the end" => [.. Bytes(Headers, EndHeaders, 1, Head(GrpcClient.Service + "ModelStreamInfer")), .. Bytes(Data, EndStream, 1, []), .. Bytes(Data, 0, 1, [1])],
            "trailers that go on" => [.. open, .. Bytes(Headers, EndHeaders, 1, Literal("x", "1"))],
            "trailers with a pseudo-header" => [.. open, .. Bytes(Headers, EndHeaders | EndStream, 1, Literal(":path", "/"))],
            "PRIORITY of another length" => [.. open, .. Bytes(Priority, 0, 1, new byte[4])],
            "WINDOW_UPDATE of nothing to a stream" => [.. open, .. Bytes(WindowUpdate, 0, 1, new byte[4])],
            "WINDOW_UPDATE that makes a stream's window too large" => [.. open, .. Bytes(WindowUpdate, 0, 1, [0x7F, 0xFF, 0xFF, 0xFF])],
            _ => throw new ArgumentOutOfRangeException(nameof(what)),
        };

        static byte[] Call(List<byte> block) => Bytes(Headers, EndHeaders, 1, block);
    }

    private static byte[] Setting(byte name, uint value)
    {
        byte[] payload = [0, name, 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt32BigEndian(payload.AsSpan(2), value);
        return Bytes(Settings, 0, 0, payload);
    }
}
