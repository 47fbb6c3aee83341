using System.Net;
using System.Text.RegularExpressions;
using Gateway.Client;
using Gateway.Protocol;
using Gateway.TestSupport.Grpc;

namespace Gateway.IntegrationTests.Overflow;

/// <summary>Overflow over frames, gRPC streams and MessagePack, and of a call whose client goes away.</summary>
public sealed class FleetProtocolTests : FleetTesting
{
    private static readonly long[] FortyOne = [41];

    [Fact]
    public async Task Frames_Overload_IsServedByTheOther()
    {
        await using GatewayProcess other = await ServeAsync();
        await using GatewayProcess one = await ServeAsync(other.HttpAddress);
        await AwaitReportsAsync(one);
        await using InferenceClient client = new(new InferenceClientOptions { Endpoints = { one.FramesAddress } });
        int good = 0;
        int refused = 0;

        // Sixty callers, each of whom waits for its answer, and a while after a refusal.
        await Task.WhenAll(Enumerable.Range(0, 60).Select(async first =>
        {
            for (long number = first; number < 1000; number += 60)
            {
                try
                {
                    using InferenceResponse answer = await client.InferAsync(new InferenceRequest("timed").AddInput("x", new[] { number }, 1, 1), TestContext.Current.CancellationToken);
                    Assert.Equal(number + 1, answer.Output("y").AsSpan<long>()[0]);
                    Interlocked.Increment(ref good);
                }
                catch (InferenceException error) when (error.Status == StatusCode.Unavailable)
                {
                    Interlocked.Increment(ref refused);
                    await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, TestContext.Current.CancellationToken);
                }
            }
        }));

        Assert.True(good > 200, $"{good} answered, {refused} refused");
        string metrics = await MetricsAsync(one);
        Assert.InRange(Sum(metrics, "gateway_replica_requests_total{outcome=\"answered\""), 50, good);
        AssertReceived(sent: metrics, received: await MetricsAsync(other));
        Assert.Equal(0, Sum(metrics, "gateway_pool_rented_blocks{owner=\"body\""));
    }

    [Fact]
    public async Task Streams_Overload_IsServedByTheOther_InItsPlace()
    {
        await using GatewayProcess other = await ServeAsync();
        await using GatewayProcess one = await ServeAsync([other.HttpAddress], "--overflow-poll-ms", "500");
        await AwaitReportsAsync(one, over: "gRPC");
        using GrpcChannel channel = new(one.GrpcAddress);

        StreamOfNumbers[] streams = await Task.WhenAll(Enumerable.Range(0, 4).Select(i => StreamOfNumbers.RunAsync(channel, first: 1000 * i, count: 360, rate: 90)));

        Assert.All(streams, stream => Assert.Empty(stream.Problems));
        Assert.Equal(4 * 360, streams.Sum(stream => stream.Good + stream.Refused));
        Assert.True(streams.Sum(stream => stream.Good) > 250, $"{streams.Sum(stream => stream.Good)} answered");
        string metrics = await MetricsAsync(one);
        long elsewhere = Sum(metrics, "gateway_replica_requests_total{outcome=\"answered\"");
        Assert.True(elsewhere >= 50, $"{elsewhere} elsewhere\n{string.Join('\n', metrics.Split('\n').Where(line => Regex.IsMatch(line, "^gateway_(overflow|replica)")))}\n{one.Error}");
        AssertReceived(sent: metrics, received: await MetricsAsync(other));
        Assert.Equal(0, Sum(metrics, "gateway_pool_rented_blocks{owner=\"request_tensors\""));
    }

    [Fact]
    public async Task ClientGoesAway_ItsRequestIsCancelledWhereItIs()
    {
        using TempFolder empty = new();
        using TimedRepository slow = new(objectiveMilliseconds: 60_000, runMilliseconds: 1500);
        await using GatewayProcess other = await GatewayProcess.ServeTimedAsync("--model-repository", slow.Folder);
        await using GatewayProcess door = await GatewayProcess.ServeTimedAsync("--model-repository", empty.Path, "--model-control-mode", "explicit", "--overflow-replica", other.HttpAddress);
        await AwaitReportsAsync(door);
        using HttpClient http = new();
        using CancellationTokenSource gone = new();
        Uri infer = new(new Uri(door.HttpAddress), "/v2/models/timed/infer");
        using StringContent stays = new("""{"inputs":[{"name":"x","datatype":"INT64","shape":[4,1],"data":[1,2,3,4]}]}""");
        using StringContent goes = new("""{"inputs":[{"name":"x","datatype":"INT64","shape":[4,1],"data":[5,6,7,8]}]}""");
        Task<HttpResponseMessage> first = await ReceivedAsync(1, () => http.PostAsync(infer, stays, TestContext.Current.CancellationToken));
        Task<HttpResponseMessage> second = await ReceivedAsync(2, () => http.PostAsync(infer, goes, gone.Token));

        await gone.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        using HttpResponseMessage answer = await first;
        Assert.True(answer.IsSuccessStatusCode);
        for (int i = 0; i < 200 && Sum(await MetricsAsync(other), "nv_inference_request_failure{model=\"timed\",reason=\"CANCELED\"") == 0; i++) await DelayAsync(0.05);
        Assert.Equal(1, Sum(await MetricsAsync(other), "nv_inference_request_failure{model=\"timed\",reason=\"CANCELED\""));
        Assert.Equal(1, Sum(await MetricsAsync(door), "gateway_replica_requests_total{outcome=\"abandoned\""));

        // Once more where it was refused: a report may be too old on a busy machine.
        async Task<Task<HttpResponseMessage>> ReceivedAsync(int all, Func<Task<HttpResponseMessage>> post)
        {
            while (true)
            {
                Task<HttpResponseMessage> posted = post();
                while (!posted.IsCompleted && Sum(await MetricsAsync(other), "gateway_overflow_received_total") < all) await DelayAsync(0.02);
                if (!posted.IsCompleted) return posted;
                using HttpResponseMessage answer = await posted;
                Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            }
        }
    }

    [Fact]
    public async Task Frames_OfAModelThatOnlyAReplicaServes_AreAnsweredThere()
    {
        using TempFolder empty = new();
        await using GatewayProcess other = await ServeAsync();
        await using GatewayProcess door = await GatewayProcess.ServeTimedAsync("--model-repository", empty.Path, "--model-control-mode", "explicit", "--overflow-replica", other.HttpAddress);
        await AwaitReportsAsync(door);
        await using InferenceClient client = new(new InferenceClientOptions { Endpoints = { door.FramesAddress } });

        using InferenceResponse answer = await client.InferAsync(new InferenceRequest("timed").AddInput("x", FortyOne, 1, 1), TestContext.Current.CancellationToken);
        InferenceException unknown = await Assert.ThrowsAsync<InferenceException>(() => client.InferAsync(new InferenceRequest("nobodys").AddInput("x", FortyOne, 1, 1), TestContext.Current.CancellationToken).AsTask());

        Assert.Equal(42, answer.Output("y").AsSpan<long>()[0]);
        Assert.Equal(StatusCode.NotFound, unknown.Status);
    }

    [Fact]
    public async Task MessagePack_DoesNotGoToServersThatAreNoGateways()
    {
        using TempFolder empty = new();
        await using GatewayProcess other = await ServeAsync();
        await using ForeignReplica foreign = await ForeignReplica.StartAsync(other.HttpAddress);
        await using GatewayProcess door = await GatewayProcess.ServeTimedAsync("--model-repository", empty.Path, "--model-control-mode", "explicit", "--overflow-replica", foreign.Address);
        await AwaitReportsAsync(door);
        await using InferenceClient frames = new(new InferenceClientOptions { Endpoints = { door.FramesAddress } });
        using FleetClient json = new(door.HttpAddress);

        InferenceException refused = await Assert.ThrowsAsync<InferenceException>(() => frames.InferAsync(new InferenceRequest("timed").AddInput("x", FortyOne, 1, 1), TestContext.Current.CancellationToken).AsTask());
        long ofFrames = Sent(await MetricsAsync(door));

        // Once more where a busy machine is too late.
        while (json.Good == 0 && json.Problems.IsEmpty) await json.CallAsync();

        Assert.Equal(StatusCode.Unavailable, refused.Status);
        Assert.Equal(0, ofFrames);
        Assert.Equal(1, json.Elsewhere);
        Assert.Empty(json.Problems);
    }
}
