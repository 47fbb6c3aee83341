namespace Gateway.UnitTests.Grpc;

/// <summary>Channels that nobody uses for a while.</summary>
public sealed class IdleConnectionTests : IAsyncLifetime
{
    // The server looks at its connections once a second.
    private static readonly TimeSpan While = TimeSpan.FromSeconds(3);

    private GrpcServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await GrpcServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Connection_IdleAfterACall_Stays()
    {
        using Http2Wire wire = await Http2Wire.OpenAsync(_server.Port);
        await CallAsync(wire, 1);

        Assert.True(await wire.StaysAsync(While));

        await CallAsync(wire, 3);
    }

    [Fact]
    public async Task Connection_PrefaceThatComesLate_IsServed()
    {
        using Http2Wire wire = await Http2Wire.ConnectAsync(_server.Port);
        await Task.Delay(While, TimeProvider.System, TestContext.Current.CancellationToken);

        await wire.PrefaceAsync();

        await CallAsync(wire, 1);
    }

    private static async Task CallAsync(Http2Wire wire, int stream)
    {
        await wire.CallAsync(stream, GrpcClient.Service + "ServerLive");
        await wire.DataAsync(stream, GrpcClient.Frame([]), isLast: true);
        Http2Wire.Frame? end = await wire.ReadAsync(frame => frame.EndsStream || frame.Type is Http2Wire.GoAway or Http2Wire.ResetStream);
        Assert.True(end is { EndsStream: true }, $"{end?.Type.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "the connection ended"}");
    }
}
