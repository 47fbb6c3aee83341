using System.Net;
using System.Text;
using Gateway.Core.Diagnostics;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Gateway.UnitTests.OpenInference;

/// <summary>Clients that go away, do not read, or come when there is no room. That nothing leaks is checked as the server is disposed.</summary>
public sealed class DisconnectTests
{
    private const string Json = """{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[1]}]}""";

    private static readonly byte[] Body = System.Text.Encoding.UTF8.GetBytes(Json);

    [Fact]
    public async Task Infer_BodiesThatAreOnlyAnnounced_LeaveHalfOfThePool()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        List<RawConnection> connections = [];
        string[] headers = ["Inference-Header-Content-Length: 0\r\n", "", "Inference-Header-Content-Length: 60000000\r\n"];
        foreach (string header in headers.Concat(headers).Concat(headers))
        {
            RawConnection connection = await RawConnection.OpenAsync(server);
            connections.Add(connection);
            await connection.SendAsync(Encoding.ASCII.GetBytes($"POST /v2/models/vector/infer HTTP/1.1\r\nHost: h\r\n{header}Content-Length: 64000000\r\n\r\n{{"));
        }

        await Eventually.TrueAsync(
            () => server.Pool.RentedBlocks(BlockOwner.RequestTensors) == 3 && server.Pool.RentedBlocks(BlockOwner.Body) == 6, "each call holds a block");

        Assert.InRange(server.Pool.RentedBytes, server.Pool.CeilingBytes / 4, (server.Pool.CeilingBytes / 2) + (9 * 64 * 1024));
        foreach (RawConnection connection in connections) connection.Dispose();
    }

    [Fact]
    public async Task Disconnect_AtEveryByteOfARequest_LeaksNothing()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        byte[] head = System.Text.Encoding.UTF8.GetBytes("""{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","parameters":{"binary_data_size":16}}]}""");
        byte[] whole = RawConnection.Request("echo_FP32", [.. head, .. new byte[16]], head.Length);

        for (int sent = 1; sent < whole.Length; sent += 3)
        {
            RawConnection connection = await RawConnection.OpenAsync(server);
            await connection.SendAsync(whole.AsMemory(0, sent));
            if (sent % 2 == 0) connection.Abort();
            else connection.Dispose();
        }

        await Eventually.TrueAsync(() => server.Pool.RentedBytes == 0, "all blocks are back");
        Assert.Equal(HttpStatusCode.OK, (await server.InferAsync("echo_INT8", """{"inputs":[{"name":"x","shape":[1,4],"datatype":"INT8","data":[1,2,3,4]}]}""")).Status);
    }

    [Fact]
    public async Task Disconnect_WhileQueued_TakesTheRequestOut()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        using ManualResetEventSlim gate = new();
        ServedModel model = server.AddGated(gate, 100);
        Task<Answer> running = server.InferAsync("gated", Json);
        await Eventually.TrueAsync(() => model.Batcher.Statistics.Snapshot().Accepted == 1 && model.Batcher.PendingRequests == 0, "the first runs");
        RawConnection second = await RawConnection.OpenAsync(server);
        await second.SendAsync(RawConnection.Request("gated", Body));
        await Eventually.TrueAsync(() => model.Batcher.PendingRequests == 1, "the second waits");

        second.Abort();

        await Eventually.TrueAsync(() => model.Batcher.PendingRequests == 0, "the second is out of the queue while the first still runs");
        gate.Set();
        Assert.Equal(HttpStatusCode.OK, (await running).Status);
        AssertOutcomes(model, succeeded: 1, cancelled: 1, rejected: 0);
    }

    [Fact]
    public async Task Disconnect_WhileRunning_IsFinishedAndThrownAway()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        using ManualResetEventSlim gate = new();
        ServedModel model = server.AddGated(gate, 100);
        RawConnection connection = await RawConnection.OpenAsync(server);
        await connection.SendAsync(RawConnection.Request("gated", Body));
        await Eventually.TrueAsync(() => model.Batcher.Statistics.Snapshot().Accepted == 1 && model.Batcher.PendingRequests == 0, "it runs");

        connection.Abort();
        gate.Set();

        await Eventually.TrueAsync(() => model.Batcher.Statistics.Snapshot().Outcomes.Sum() == 1, "it ends");
        await Eventually.TrueAsync(() => server.Pool.RentedBytes == 0, "all blocks are back");
    }

    [Fact]
    public async Task Disconnect_OfOneHttp2Stream_LeavesTheOthers()
    {
        await using InferenceServer server = await InferenceServer.StartAsync(protocols: HttpProtocols.Http2);
        using ManualResetEventSlim gate = new();
        ServedModel model = server.AddGated(gate, 100);
        Task<Answer> running = server.InferAsync("gated", Json);
        await Eventually.TrueAsync(() => model.Batcher.Statistics.Snapshot().Accepted == 1 && model.Batcher.PendingRequests == 0, "the first runs");
        using CancellationTokenSource gone = new();
        using HttpRequestMessage request = new(HttpMethod.Post, "/v2/models/gated/infer")
        {
            Content = new ByteArrayContent(Body),
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        Task<HttpResponseMessage> second = server.Client.SendAsync(request, gone.Token);
        await Eventually.TrueAsync(() => model.Batcher.PendingRequests == 1, "the second waits");

        await gone.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        await Eventually.TrueAsync(() => model.Batcher.PendingRequests == 0, "the second is out of the queue");
        gate.Set();
        Assert.Equal(HttpStatusCode.OK, (await running).Status);
        AssertOutcomes(model, succeeded: 1, cancelled: 1, rejected: 0);
    }

    [Fact]
    public async Task Disconnect_BetweenRequestsOfAConnection_CancelsNobodyElse()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        byte[] request = RawConnection.Request("spaced%20name", Body);
        for (int i = 0; i < 50; i++)
        {
            RawConnection connection = await RawConnection.OpenAsync(server);
            await connection.SendAsync(request);
            await connection.ReadAnswerAsync();
            Task<Answer> other = server.InferAsync("spaced%20name", Json);

            connection.Abort();

            Assert.Equal(HttpStatusCode.OK, (await other).Status);
        }
    }

    [Fact]
    public async Task Infer_ReaderThatDoesNotRead_HoldsNoMemoryOfTheEngine()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        byte[] body = new byte[16 << 20];
        using RawConnection connection = await RawConnection.OpenAsync(server);

        await connection.SendAsync(RawConnection.Request("any", body, headLength: 0));

        await Eventually.TrueAsync(() => server.Catalog.Find("any", 0).Batcher.Statistics.Snapshot()[RequestOutcome.Succeeded] == 1, "it is answered");
        await Eventually.TrueAsync(() => Enum.GetValues<BlockOwner>().All(owner => server.Pool.RentedBlocks(owner) == 0), "all blocks are back before anything is read");
        (string head, byte[] answer) = await connection.ReadAnswerAsync();
        Assert.StartsWith("HTTP/1.1 200", head);
        Assert.True(answer.Length > body.Length);
    }

    [Fact]
    public async Task Infer_FullQueue_IsRefusedBeforeTheBodyIsRead()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        using ManualResetEventSlim gate = new();
        ServedModel model = server.AddGated(gate, maxQueueRequests: 1);
        Task<Answer> running = server.InferAsync("gated", Json);
        await Eventually.TrueAsync(() => model.Batcher.Statistics.Snapshot().Accepted == 1 && model.Batcher.PendingRequests == 0, "the first runs");
        Task<Answer> waiting = server.InferAsync("gated", Json);
        await Eventually.TrueAsync(() => model.Batcher.IsFull, "the queue is full");
        using RawConnection connection = await RawConnection.OpenAsync(server);

        // Only the head of the request: the answer comes all the same.
        await connection.SendAsync(RawConnection.Request("gated", Body).AsMemory(0, RawConnection.Request("gated", Body).Length - Body.Length));
        (string head, byte[] body) = await connection.ReadAnswerAsync();

        Assert.StartsWith("HTTP/1.1 503", head);
        Assert.Contains("Retry-After: 1", head);
        Assert.Equal("""{"error":"[request id: <id_unknown>] Exceeds maximum queue size, behind 1 requests"}""", System.Text.Encoding.UTF8.GetString(body));
        gate.Set();
        await Task.WhenAll(running, waiting);
        AssertOutcomes(model, succeeded: 2, cancelled: 0, rejected: 1);
    }

    private static void AssertOutcomes(ServedModel model, int succeeded, int cancelled, int rejected)
    {
        ModelCounts counts = model.Batcher.Statistics.Snapshot();
        Assert.Equal(
            (succeeded, cancelled, rejected, succeeded + cancelled + rejected),
            ((int)counts[RequestOutcome.Succeeded], (int)counts[RequestOutcome.Cancelled], (int)counts[RequestOutcome.Rejected], (int)counts.Accepted));
    }
}
