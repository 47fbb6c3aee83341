using Gateway.UnitTests.OpenInference;
using Google.Protobuf;

namespace Gateway.UnitTests.Grpc;

/// <summary>Connections that open, reset and announce without end: they are given up, or cost nothing, and nobody else notices. That nothing leaks is checked as the server is disposed.</summary>
public sealed class FloodTests : IAsyncLifetime
{
    private const string Infer = GrpcClient.Service + "ModelInfer";

    // Far more than a server of any patience takes.
    private const int Flood = 20_000;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private GrpcServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await GrpcServer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        float[] answer = Requests.Floats((await _server.Client.InferAsync(Requests.Raw("rank", [1, 3], 1, 2, 3))).RawOutputContents[0]);
        Assert.Equal([1, 2, 3], answer);
        await Eventually.TrueAsync(() => _server.Pool.RentedBytes == 0, "all blocks are back");
        await _server.DisposeAsync();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(20)]
    public async Task Resets_OfCallsThatHaveBegun_AreServedOrEndTheConnectionAndHarmNobody(int bytesOfMessage)
    {
        using Http2Wire wire = await Http2Wire.OpenAsync(_server.Port);
        byte[] message = GrpcClient.Frame(Requests.Raw("rank", [1, 3], 1, 2, 3).ToByteArray())[..bytesOfMessage];
        const int Last = (2 * Flood) + 1;
        Task<Http2Wire.Frame?> end = wire.ReadAsync(frame => frame.Type == Http2Wire.GoAway || (frame.Stream == Last && frame.EndsStream));
        Task flooding = FloodAsync(wire, stream =>
            [.. Http2Wire.Bytes(Http2Wire.Headers, Http2Wire.EndHeaders, stream, Http2Wire.Head(Infer)), .. Http2Wire.Bytes(Http2Wire.Data, 0, stream, message), .. Http2Wire.Bytes(Http2Wire.ResetStream, 0, stream, [0, 0, 0, 8])]);

        // Meanwhile others are served.
        for (int i = 0; i < 50; i++) Assert.Equal(0, (await _server.Client.CallAsync("ModelInfer", Requests.Raw("rank", [1, 3], 1, 2, 3))).Status);

        await flooding.WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken);
        try
        {
            // If all were taken, the connection goes on.
            await wire.CallAsync(Last, GrpcClient.Service + "ServerLive");
            await wire.DataAsync(Last, GrpcClient.Frame([]), isLast: true);
        }
        catch (System.Net.Sockets.SocketException)
        {
            // It has been given up.
        }

        await end.WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1000)]
    public async Task HeadersThatGoOn_EndTheConnection(int bytes)
    {
        using Http2Wire wire = await Http2Wire.OpenAsync(_server.Port);
        await wire.SendAsync(Http2Wire.Bytes(Http2Wire.Headers, 0, 1, Http2Wire.Head(Infer)));
        List<byte> header = bytes == 0 ? [] : [.. Http2Wire.Literal("x", new string('x', 100))];
        byte[] more = Http2Wire.Bytes(Http2Wire.Continuation, 0, 1, [.. Enumerable.Repeat(header, bytes / 100).SelectMany(each => each)]);
        Task<Http2Wire.Frame?> end = wire.ReadAsync(frame => frame.Type == Http2Wire.GoAway);
        Task flooding = FloodAsync(wire, _ => more);

        await end.WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken);

        await flooding;
    }

    [Fact]
    public async Task Calls_RefusedBeforeTheyWereThere_MayGoOn()
    {
        const int Calls = 512;
        const int Pieces = 10;
        using Http2Wire wire = await Http2Wire.OpenAsync(_server.Port);
        byte[] message = GrpcClient.Frame(Requests.Raw("nobody", [1, 300], new float[300]).ToByteArray());
        for (int i = 0; i < Calls; i++)
        {
            await wire.CallAsync((2 * i) + 1, Infer);
            await wire.DataAsync((2 * i) + 1, message[..100]);
        }

        for (int ended = 0; ended < Calls;) ended += (await wire.ReadAsync().WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken))!.EndsStream ? 1 : 0;

        // What was on its way, in turn; the server has let go of them by the next call.
        await wire.CallAsync((2 * Calls) + 1, GrpcClient.Service + "ServerLive");
        for (int piece = 0; piece < Pieces; piece++)
        {
            for (int i = 0; i < Calls; i++) await wire.DataAsync((2 * i) + 1, message[100..110]);
        }

        await wire.DataAsync((2 * Calls) + 1, GrpcClient.Frame([]), isLast: true);
        Http2Wire.Frame? end = await wire.ReadAsync(frame => frame.Type == Http2Wire.GoAway || (frame.Type == Http2Wire.ResetStream && frame.Payload[3] != 0) || frame.EndsStream)
            .WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken);
        Assert.Equal((Http2Wire.Headers, (2 * Calls) + 1), (end?.Type, end?.Stream));
    }

    private static async Task FloodAsync(Http2Wire wire, Func<int, byte[]> next)
    {
        try
        {
            for (int i = 0; i < Flood; i++) await wire.SendAsync(next((2 * i) + 1));
        }
        catch (System.Net.Sockets.SocketException)
        {
            // The server has given the connection up.
        }
    }
}
