using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Server.Grpc.Messages;
using Gateway.UnitTests.OpenInference;
using Google.Protobuf;

namespace Gateway.UnitTests.Grpc;

/// <summary>A call's time counts from its arrival, whatever it waits for.</summary>
public sealed class DeadlineTests : IAsyncLifetime
{
    private const string Infer = GrpcClient.Service + "ModelInfer";

    // Long before the server's patience with silent clients is over.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    private readonly ManualResetEventSlim _gate = new();
    private GrpcServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await GrpcServer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        _gate.Set();
        await _server.DisposeAsync();
        _gate.Dispose();
    }

    [Theory]
    [InlineData("/inference.GRPCInferenceService/ModelInfer", "")]
    [InlineData("/inference.GRPCInferenceService/ModelInfer", "00000000")]
    [InlineData("/inference.GRPCInferenceService/ModelInfer", "00000000050A")]
    [InlineData("/inference.GRPCInferenceService/ModelStreamInfer", "")]
    [InlineData("/inference.GRPCInferenceService/ModelStreamInfer", "00000000050A")]
    [InlineData("/inference.GRPCInferenceService/ServerLive", "")]
    [InlineData("/grpc.health.v1.Health/Check", "0000")]
    [InlineData("/grpc.health.v1.Health/Watch", "")]
    [InlineData("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "")]
    public async Task Call_ThatDoesNotGoOn_EndsAtItsDeadline(string path, string hex)
    {
        using GrpcDuplex call = _server.Client.Open(path, ("grpc-timeout", "300m"));
        await call.WriteAsync(Convert.FromHexString(hex));

        Assert.Equal((4, "Deadline Exceeded"), await call.EndAsync().WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Watch_ThatIsUnderWay_EndsAtItsDeadline()
    {
        using GrpcDuplex watch = _server.Client.Open("/grpc.health.v1.Health/Watch", ("grpc-timeout", "300m"));
        await watch.WriteAsync(GrpcClient.Frame([]));
        Assert.NotNull(await watch.ReadAsync(Server.Grpc.Messages.Health.HealthCheckResponse.Parser));

        Assert.Equal(4, (await watch.EndAsync().WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken)).Status);
    }

    [Fact]
    public async Task Upload_TakesOffTheTimeInTheQueue()
    {
        ServedModel model = _server.Server.AddGated(_gate, 100);
        Task<GrpcAnswer> running = _server.Client.CallAsync("ModelInfer", Requests.Raw("gated", [1, 1], 1));
        await Eventually.TrueAsync(() => model.Batcher.Statistics.Snapshot().Accepted == 1 && model.Batcher.PendingRequests == 0, "the first runs");
        byte[] message = GrpcClient.Frame(Requests.Raw("gated", [1, 1], 1).ToByteArray());
        using GrpcDuplex call = _server.Client.Open(Infer, ("grpc-timeout", "2S"));
        long began = TimeProvider.System.GetTimestamp();
        await call.WriteAsync(message[..10]);
        await Task.Delay(TimeSpan.FromSeconds(1.2), TimeProvider.System, TestContext.Current.CancellationToken);
        await call.WriteAsync(message[10..]);

        (int status, _) = await call.EndAsync();

        Assert.Contains(status, (int[])[4, 14]);
        Assert.InRange(TimeProvider.System.GetElapsedTime(began), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(3));
        _gate.Set();
        Assert.Equal(0, (await running).Status);
    }

    [Fact]
    public async Task Stream_WhoseAnswersAreNotTaken_EndsAtItsDeadlineWithoutThem()
    {
        using Http2Wire wire = await Http2Wire.OpenAsync(_server.Port, streamWindow: 0);
        byte[] large = GrpcClient.Frame(Requests.Raw("any", [1, 25_000], new float[25_000]).ToByteArray());
        await wire.CallAsync(1, GrpcClient.Service + "ModelStreamInfer", ("grpc-timeout", "500m"));
        foreach (byte[] piece in large.Chunk(16_000)) await wire.DataAsync(1, piece);

        Http2Wire.Frame? end = await wire.ReadAsync(frame => frame.EndsStream || frame.Type is Http2Wire.ResetStream or Http2Wire.GoAway).WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken);

        Assert.Equal((Http2Wire.Headers, 1), (end?.Type, end?.Stream));
        Assert.Contains("grpc-status\u00014", System.Text.Encoding.Latin1.GetString(end!.Payload), StringComparison.Ordinal);
    }

    [Fact]
    public async Task StreamedMessage_ThatTookAllItsTime_IsExpiredAndNotRun()
    {
        ServedModel model = _server.Catalog.Find("rank", 0);
        byte[] message = GrpcClient.Frame(Requests.Raw("rank", [1, 3], 1, 2, 3).ToByteArray());
        using GrpcDuplex stream = _server.Client.Open(GrpcClient.Service + "ModelStreamInfer", ("inference-timeout-ms", "100"));
        await stream.WriteAsync(message[..10]);
        await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, TestContext.Current.CancellationToken);
        await stream.WriteAsync(message[10..]);

        Assert.Equal("Request timeout expired", (await stream.ReadAsync(ModelStreamInferResponse.Parser))!.ErrorMessage);
        Assert.Equal((1, 0), (model.Batcher.Statistics.Snapshot()[RequestOutcome.Expired], model.Batcher.Statistics.Snapshot().Executions));
        await stream.WriteAsync(message);
        stream.Close();
        Assert.Equal("", (await stream.ReadAsync(ModelStreamInferResponse.Parser))!.ErrorMessage);
        Assert.Equal((0, ""), await stream.EndAsync());
    }
}
