using Gateway.Core.Diagnostics;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Server.Grpc.Messages;
using Gateway.UnitTests.OpenInference;
using Google.Protobuf;

namespace Gateway.UnitTests.Grpc;

/// <summary>Clients that cancel, go away, or have no time left. That nothing leaks is checked as the server is disposed.</summary>
public sealed class CancellationTests : IAsyncLifetime
{
    private readonly ManualResetEventSlim _gate = new();
    private GrpcServer _server = null!;
    private ServedModel _model = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await GrpcServer.StartAsync();
        _model = _server.Server.AddGated(_gate, maxQueueRequests: 2);
    }

    public async ValueTask DisposeAsync()
    {
        _gate.Set();
        await _server.DisposeAsync();
        _gate.Dispose();
    }

    [Fact]
    public async Task Cancel_WhileQueued_TakesTheRequestOut()
    {
        Task<GrpcAnswer> running = await RunOneAsync();
        using GrpcDuplex second = Open();
        await second.WriteAsync(Request());
        await Eventually.TrueAsync(() => _model.Batcher.PendingRequests == 1, "the second waits");

        await second.CancelAsync();

        await Eventually.TrueAsync(() => _model.Batcher.PendingRequests == 0, "it is out of the queue while the first still runs");
        await Eventually.TrueAsync(() => _model.Batcher.Statistics.Snapshot()[RequestOutcome.Cancelled] == 1, "and counted");
        _gate.Set();
        Assert.Equal(0, (await running).Status);
    }

    [Fact]
    public async Task ConnectionLoss_WhileQueued_TakesTheRequestOut()
    {
        Task<GrpcAnswer> running = await RunOneAsync();
        GrpcClient other = new(new Uri($"http://127.0.0.1:{_server.Port}"));
        GrpcDuplex second = other.Open(GrpcClient.Service + "ModelInfer");
        await second.WriteAsync(Request());
        await Eventually.TrueAsync(() => _model.Batcher.PendingRequests == 1, "the second waits");

        other.Dispose();
        second.Dispose();

        await Eventually.TrueAsync(() => _model.Batcher.PendingRequests == 0, "it is out of the queue");
        _gate.Set();
        Assert.Equal(0, (await running).Status);
    }

    [Fact]
    public async Task Deadline_PassesInTheQueue_IsExceededOrForeseen()
    {
        Task<GrpcAnswer> running = await RunOneAsync();

        Task<GrpcAnswer> late = _server.Client.CallAsync("ModelInfer", Request(), ("grpc-timeout", "100m"));

        // Refused just before, when it is foreseen, or expired: which of the two is a matter of microseconds.
        GrpcAnswer answer = await late;
        Assert.True(
            (answer.Status, answer.Message) == (4, "Deadline Exceeded") || (answer.Status == 14 && answer.Message.Contains("and its deadline is ", StringComparison.Ordinal)),
            $"{answer.Status} {answer.Message}");
        ModelCounts counts = _model.Batcher.Statistics.Snapshot();
        Assert.Equal(1, counts[RequestOutcome.Expired] + counts[RequestOutcome.Rejected]);
        _gate.Set();
        Assert.Equal(0, (await running).Status);
    }

    [Fact]
    public async Task Deadline_FarAway_ChangesNothing()
    {
        _gate.Set();

        Assert.Equal(0, (await _server.Client.CallAsync("ModelInfer", Request(), ("grpc-timeout", "5M"))).Status);
        Assert.Equal(0, (await _server.Client.CallAsync("ModelInfer", Request(), ("grpc-timeout", "99999999H"))).Status);
    }

    [Fact]
    public async Task FullQueue_RefusesBeforeTheTensorsArrive()
    {
        Task<GrpcAnswer> running = await RunOneAsync();
        Task<GrpcAnswer>[] waiting = [_server.Client.CallAsync("ModelInfer", Request()), _server.Client.CallAsync("ModelInfer", Request())];
        await Eventually.TrueAsync(() => _model.Batcher.IsFull, "the queue is full");

        // Of a large message only its beginning: the answer comes all the same.
        byte[] whole = GrpcClient.Frame(Requests.Raw("gated", [1, 1], new float[100_000]).ToByteArray());
        using GrpcDuplex early = Open();
        await early.WriteAsync(whole[..100]);
        GrpcAnswer refused = await GrpcClient.ReadAsync(await early.Response);

        Assert.Equal((14, "[request id: <id_unknown>] Exceeds maximum queue size, behind 2 requests"), (refused.Status, refused.Message));
        Assert.Equal("queue_full", refused.Metadata["inference-refusal"]);
        _gate.Set();
        await running;
        foreach (GrpcAnswer answer in await Task.WhenAll(waiting)) Assert.Equal(0, answer.Status);
    }

    [Fact]
    public async Task Cancel_AtEveryByteOfARequest_LeaksNothing()
    {
        _gate.Set();
        byte[] whole = GrpcClient.Frame(Requests.Raw("any", [1, 5000], new float[5000]).ToByteArray());
        for (int sent = 1; sent < whole.Length; sent += sent < 100 ? 3 : 997)
        {
            using GrpcDuplex call = Open();
            await call.WriteAsync(whole[..sent]);
            await call.CancelAsync();
        }

        await Eventually.TrueAsync(() => _server.Pool.RentedBytes == 0, "all blocks are back");
        Assert.Equal(0, (await _server.Client.CallAsync("ModelInfer", Request())).Status);
    }

    private GrpcDuplex Open() => _server.Client.Open(GrpcClient.Service + "ModelInfer");

    private static ModelInferRequest Request() => Requests.Raw("gated", [1, 1], 1);

    /// <summary>Starts a request that runs until the gate is open.</summary>
    private async Task<Task<GrpcAnswer>> RunOneAsync()
    {
        Task<GrpcAnswer> running = _server.Client.CallAsync("ModelInfer", Request());
        await Eventually.TrueAsync(() => _model.Batcher.Statistics.Snapshot().Accepted == 1 && _model.Batcher.PendingRequests == 0, "the first runs");
        return running;
    }
}
