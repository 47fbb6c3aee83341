using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;
using Gateway.Client;
using Gateway.Protocol;
using Gateway.TestSupport.Grpc;

namespace Gateway.IntegrationTests.Overflow;

/// <summary>Several real servers with a model of 200 requests a second each: what one cannot answer in time another does, whatever happens to it meanwhile.</summary>
public sealed class FleetTests : FleetTesting
{
    private static readonly long[] FortyOne = [41];

    [Fact]
    public async Task Overload_OfOne_IsServedByTheOther()
    {
        await using GatewayProcess other = await ServeAsync();
        await using GatewayProcess one = await ServeAsync(other.HttpAddress);
        using FleetClient client = new(one.HttpAddress);
        await AwaitReportsAsync(one);

        await client.SendAsync(350, TimeSpan.FromSeconds(4));

        Assert.Empty(client.Problems);
        Assert.InRange(client.Elsewhere, 50, 1400);
        Assert.True(client.Good > 700, $"{client.Good} answered, {client.Refused} refused");

        // Nobody waits for longer than an answer may take, be it for a refusal: generously, as the machine may be busy.
        Assert.InRange(client.SlowestMilliseconds, 0, 2000);
        string metrics = await MetricsAsync(one);
        Assert.Equal(client.Elsewhere, Sum(metrics, "gateway_replica_requests_total{outcome=\"answered\""));
        Assert.Equal(0, Sum(metrics, "gateway_replica_requests_total{outcome=\"failed\""));
        string others = await MetricsAsync(other);
        AssertReceived(sent: metrics, received: others);
        Assert.InRange(Sum(metrics, "nv_inference_request_success") + Sum(others, "nv_inference_request_success"), client.Good, client.Good + Unanswered(metrics));
    }

    [Fact]
    public async Task Light_Load_StaysWhereItCame()
    {
        await using GatewayProcess other = await ServeAsync();
        await using GatewayProcess one = await ServeAsync(other.HttpAddress);
        using FleetClient client = new(one.HttpAddress);
        await AwaitReportsAsync(one);

        // Apart by more than a busy machine adds to a run.
        await client.SendAsync(10, TimeSpan.FromSeconds(5));

        Assert.Empty(client.Problems);
        Assert.InRange(client.Elsewhere, 0, 5);
    }

    [Fact]
    public async Task EachOthersReplicas_BothFull_RefuseOnce()
    {
        int[] ports = FreePorts(2);
        await using GatewayProcess one = await ServeAsync([$"http://127.0.0.1:{ports[1]}", $"http://127.0.0.1:{ports[0]}"], "--http-port", Text(ports[0]));
        await using GatewayProcess other = await ServeAsync([$"http://127.0.0.1:{ports[0]}"], "--http-port", Text(ports[1]));
        using FleetClient first = new(one.HttpAddress);
        using FleetClient second = new(other.HttpAddress);
        await AwaitReportsAsync(one, replicas: 2);

        await Task.WhenAll(first.SendAsync(400, TimeSpan.FromSeconds(2)), second.SendAsync(400, TimeSpan.FromSeconds(2)));

        Assert.Empty(first.Problems);
        Assert.Empty(second.Problems);
        Assert.True(first.Refused + second.Refused > 300, $"{first.Refused} and {second.Refused} refused");
        Assert.True(first.Good + second.Good > 400, $"{first.Good} and {second.Good} answered");
        Assert.Contains("gateway itself", one.Error, StringComparison.Ordinal);

        // What one receives is what the other has sent, so nothing was sent on.
        foreach ((GatewayProcess from, GatewayProcess to) in new[] { (one, other), (other, one) })
        {
            AssertReceived(sent: await MetricsAsync(from), received: await MetricsAsync(to));
        }
    }

    [Theory]
    [InlineData(GatewayProcess.KillAtOnce)]
    [InlineData(GatewayProcess.Pause)]
    [InlineData(GatewayProcess.Terminate)]
    public async Task ReplicaGone_UnderLoad_NothingIsLost(int signal)
    {
        await using GatewayProcess steady = await ServeAsync();
        await using GatewayProcess victim = await ServeAsync();
        await using GatewayProcess one = await ServeAsync(steady.HttpAddress, victim.HttpAddress);
        using FleetClient client = new(one.HttpAddress);
        await AwaitReportsAsync(one, replicas: 2);

        Task load = client.SendAsync(300, TimeSpan.FromSeconds(4));
        await Task.Delay(TimeSpan.FromSeconds(1.5), TimeProvider.System, TestContext.Current.CancellationToken);
        victim.Signal(signal);
        await load;

        Assert.Empty(client.Problems);
        Assert.True(client.Good > 700, $"{client.Good} answered, {client.Refused} refused");
        if (signal == GatewayProcess.Terminate) Assert.Equal(0, await victim.WaitForExitAsync());
    }

    [Fact]
    public async Task ModelServedElsewhereAlone_IsAnsweredThere_AndUnknownOnesAreNotFound()
    {
        using TempFolder empty = new();
        await using GatewayProcess other = await ServeAsync();
        await using GatewayProcess door = await GatewayProcess.ServeTimedAsync("--model-repository", empty.Path, "--model-control-mode", "explicit", "--overflow-replica", other.HttpAddress);
        using FleetClient client = new(door.HttpAddress);
        await AwaitReportsAsync(door);

        await client.CallAsync();
        await client.CallAsync("nobodys");

        Assert.Equal(1, client.Elsewhere);
        Assert.Equal("404: {\"error\":\"Request for unknown model: 'nobodys' is not found\"}", Assert.Single(client.Problems));
    }

    [Fact]
    public async Task FileOfReplicas_IsFollowed()
    {
        using TempFolder folder = new();
        string file = Path.Combine(folder.Path, "replicas");
        await using GatewayProcess other = await ServeAsync();
        await File.WriteAllTextAsync(file, $"{other.HttpAddress} weight=2 zone=a # the only one\n", TestContext.Current.CancellationToken);
        await using GatewayProcess one = await ServeAsync([$"file://{file}"], "--overflow-zone", "a");
        await AwaitReportsAsync(one);
        using (FleetClient client = new(one.HttpAddress))
        {
            await client.SendAsync(300, TimeSpan.FromSeconds(4));
            Assert.Empty(client.Problems);
            Assert.True(client.Elsewhere > 20, $"{client.Elsewhere} elsewhere");
        }

        await File.WriteAllTextAsync(file, "# none any more\n", TestContext.Current.CancellationToken);
        while ((await MetricsAsync(one)).Contains(other.HttpAddress, StringComparison.Ordinal)) await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, TestContext.Current.CancellationToken);
        using (FleetClient client = new(one.HttpAddress))
        {
            await client.SendAsync(300, TimeSpan.FromSeconds(1));
            Assert.Empty(client.Problems);
            Assert.Equal(0, client.Elsewhere);
        }
    }

    [Fact]
    public async Task ReplicasOfACluster_AndRoutesByPredictedCompletion()
    {
        using TempFolder folder = new();
        string file = Path.Combine(folder.Path, "proxy.json");
        await using GatewayProcess other = await ServeAsync();
        await File.WriteAllTextAsync(file, $$"""
            {
              "ReverseProxy": {
                "Routes": {
                  "predict": { "ClusterId": "fleet", "Match": { "Path": "/predict" }, "Metadata": { "x-model": "timed" }, "Transforms": [ { "PathSet": "/v2/models/timed/infer" } ] }
                },
                "Clusters": {
                  "fleet": { "LoadBalancingPolicy": "PredictedCompletion", "Destinations": { "other": { "Address": "{{other.HttpAddress}}" } } }
                }
              }
            }
            """, TestContext.Current.CancellationToken);
        await using GatewayProcess one = await ServeAsync([], "--proxy-config", file, "--overflow-cluster", "fleet");
        await AwaitReportsAsync(one);
        using FleetClient client = new(one.HttpAddress);

        await client.SendAsync(300, TimeSpan.FromSeconds(4));

        Assert.Empty(client.Problems);
        Assert.True(client.Elsewhere > 20, $"{client.Elsewhere} elsewhere");
        using HttpClient http = new();
        using StringContent body = new("""{"inputs":[{"name":"x","datatype":"INT64","shape":[1,1],"data":[41]}]}""");
        string answer = await (await http.PostAsync(new Uri(new Uri(one.HttpAddress), "/predict"), body, TestContext.Current.CancellationToken)).Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Contains("[42]", answer, StringComparison.Ordinal);
    }

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
    public async Task ServerThatIsNoGateway_IsAReplicaToo()
    {
        await using GatewayProcess other = await ServeAsync();
        await using ForeignReplica foreign = await ForeignReplica.StartAsync(other.HttpAddress);
        using (FleetClient direct = new(foreign.Address)) await direct.SendAsync(50, TimeSpan.FromSeconds(1));
        await using GatewayProcess one = await ServeAsync(foreign.Address);
        using FleetClient client = new(one.HttpAddress);
        await AwaitReportsAsync(one);

        // Its load is guessed from how long its answers take, and a first one that is given up as too late is made up for by time alone.
        for (int i = 0; i < 15 && client.Elsewhere <= 50; i++) await client.SendAsync(300, TimeSpan.FromSeconds(1));

        Assert.Empty(client.Problems);
        Assert.Contains("is no gateway", one.Error, StringComparison.Ordinal);
        Assert.True(client.Elsewhere > 50, $"{client.Elsewhere} elsewhere, {client.Good} answered, {client.Refused} refused");

        // A gateway takes its place under the same address, without a moment between.
        foreign.IsGateway = true;
        while (!one.Error.Contains($"Replica {foreign.Address} reports: Serving\n", StringComparison.Ordinal)) await DelayAsync(0.02);
    }

    [Theory]
    [InlineData(Lie.Garbage)]
    [InlineData(Lie.HalfABody)]
    [InlineData(Lie.Never)]
    [InlineData(Lie.TooLong)]
    public async Task ReplicaThatLies_IsThrownOut_AndNothingIsLost(Lie lie)
    {
        await using GatewayProcess real = await ServeAsync();
        await using LyingReplica liar = await LyingReplica.StartAsync(real.HttpAddress, lie);
        await using GatewayProcess one = await ServeAsync([liar.Address], "--http-max-input-size", "100000");
        using FleetClient client = new(one.HttpAddress);
        using FleetClient alone = new(real.HttpAddress);
        await AwaitReportsAsync(one);

        // What one without replicas answers on this machine, as busy as that may be.
        await alone.SendAsync(300, TimeSpan.FromSeconds(2));
        await client.SendAsync(300, TimeSpan.FromSeconds(2));

        Assert.Empty(client.Problems);
        Assert.Equal(0, client.Elsewhere);
        Assert.True(client.Good > alone.Good / 2, $"{client}; one alone: {alone}");
        string metrics = await MetricsAsync(one);
        Assert.True(Sum(metrics, "gateway_replica_ejections_total") > 0);

        // Three times all that were sent before the first of them had failed.
        Assert.InRange(Sent(metrics), 3, 150);
    }

    [Fact]
    public async Task ReplicaWithAnUnknownCertificate_GetsNothing_AndTheLogSaysWhy()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(200));
        await using GatewayProcess real = await ServeAsync();
        await using LyingReplica unknown = await LyingReplica.StartAsync(real.HttpAddress, Lie.Garbage, certificate);
        await using GatewayProcess one = await ServeAsync(unknown.Address);
        using FleetClient client = new(one.HttpAddress);

        await client.SendAsync(300, TimeSpan.FromSeconds(1));

        Assert.Empty(client.Problems);
        Assert.Equal(0, Sent(await MetricsAsync(one)));

        Regex why = new($"Replica {Regex.Escape(unknown.Address)} does not report its load, so it gets nothing: .*certificate");
        for (int i = 0; i < 200 && !why.IsMatch(one.Error); i++) await DelayAsync(0.1);
        Assert.True(why.IsMatch(one.Error), one.Error);
    }

    /// <summary>A connection that is cut off in the middle of the network, for a while: nothing is lost, and afterwards it is used again.</summary>
    [Theory]
    [InlineData(LinkFault.Silent)]
    [InlineData(LinkFault.Reset)]
    [InlineData(LinkFault.Trickle)]
    public async Task ReplicaCutOff_UnderLoad_NothingIsLost_AndItComesBack(LinkFault fault)
    {
        await using GatewayProcess other = await ServeAsync();
        await using FaultyLink link = FaultyLink.To(other.HttpAddress);
        await using GatewayProcess one = await ServeAsync(link.Address);
        using FleetClient client = new(one.HttpAddress);
        await AwaitReportsAsync(one);

        using CancellationTokenSource stop = new();
        Task load = client.SendUntilAsync(300, TimeSpan.FromMinutes(2), stop.Token);
        await UsedAsync(50);
        link.Fault = fault;
        await DelayAsync(1.5);
        link.Fault = LinkFault.None;
        await UsedAsync(client.Elsewhere + 50);
        await stop.CancelAsync();
        await load;

        Assert.Empty(client.Problems);
        string metrics = await MetricsAsync(one);

        // Where it says nothing at all, its last report may be too old before three have failed, which does as well.
        if (fault == LinkFault.Reset) Assert.True(Sum(metrics, "gateway_replica_ejections_total") > 0, "it was thrown out while it was cut off");
        AssertConserved(metrics, client);

        // Over and over, as long as the test may take.
        async Task UsedAsync(int elsewhere)
        {
            while (client.Elsewhere < elsewhere && !load.IsCompleted) await DelayAsync(0.05);
            Assert.True(client.Elsewhere >= elsewhere, $"{client.Elsewhere} elsewhere, {client.Good} answered, {client.Refused} refused\n{one.Error}");
        }
    }

    [Fact]
    public async Task ReplicasRestartedOneByOne_UnderLoad_NothingIsLost()
    {
        string[] ports = [.. FreePorts(2).Select(Text)];
        GatewayProcess[] replicas = [await ServeAsync([], "--http-port", ports[0]), await ServeAsync([], "--http-port", ports[1])];
        try
        {
            await using GatewayProcess one = await ServeAsync(replicas[0].HttpAddress, replicas[1].HttpAddress);
            using FleetClient client = new(one.HttpAddress);
            await AwaitReportsAsync(one, replicas: 2);
            using CancellationTokenSource stop = new();
            Task load = client.SendUntilAsync(300, TimeSpan.FromMinutes(2), stop.Token);
            for (int i = 0; i < replicas.Length; i++)
            {
                await DelayAsync(1);
                replicas[i].Signal(GatewayProcess.Terminate);
                Assert.Equal(0, await replicas[i].WaitForExitAsync());
                replicas[i] = await ServeAsync([], "--http-port", ports[i]);
                while (Sum(await MetricsAsync(replicas[i]), "gateway_overflow_received_total") == 0 && !load.IsCompleted) await DelayAsync(0.1);
            }

            await stop.CancelAsync();
            await load;

            Assert.Empty(client.Problems);
            Assert.True(client.Elsewhere > 100, $"{client.Elsewhere} elsewhere");
            string metrics = await MetricsAsync(one);
            AssertConserved(metrics, client);
            foreach (GatewayProcess replica in replicas) Assert.True(Regex.Count(one.Error, $"Replica {Regex.Escape(replica.HttpAddress)} is warmed up over HTTP") >= 2, "a restarted replica is warmed up again");
            foreach (GatewayProcess replica in replicas) Assert.True(Sum(await MetricsAsync(replica), "gateway_overflow_received_total") > 0, $"a restarted replica is used again: {replica.HttpAddress}\n{metrics}\n{one.Error}");
        }
        finally
        {
            foreach (GatewayProcess replica in replicas) await replica.DisposeAsync();
        }
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
        Assert.True(streams.Sum(stream => stream.Good) > 500, $"{streams.Sum(stream => stream.Good)} answered");
        string metrics = await MetricsAsync(one);
        long elsewhere = Sum(metrics, "gateway_replica_requests_total{outcome=\"answered\"");
        Assert.True(elsewhere >= 50, $"{elsewhere} elsewhere\n{string.Join('\n', metrics.Split('\n').Where(line => Regex.IsMatch(line, "^gateway_(overflow|replica)")))}\n{one.Error}");
        AssertReceived(sent: metrics, received: await MetricsAsync(other));
        Assert.Equal(0, Sum(metrics, "gateway_pool_rented_blocks{owner=\"request_tensors\""));
    }

    // By hand: how many are computed twice depends on how busy the machine is.
    [Fact(Explicit = true)]
    public async Task Affinity_EachAnswerIsComputedByOne_WhoeverIsAsked()
    {
        const int Keys = 60;
        using TimedRepository kept = new(cache: """{ "enable": true, "affinity": true }""");
        int[] ports = FreePorts(3);
        string[] addresses = [.. ports.Select(port => $"http://127.0.0.1:{port}")];
        await using GatewayProcess a = await ServeKeptAsync(0);
        await using GatewayProcess b = await ServeKeptAsync(1);
        await using GatewayProcess c = await ServeKeptAsync(2);
        GatewayProcess[] all = [a, b, c];
        foreach (GatewayProcess process in all) await AwaitReportsAsync(process, replicas: 3);

        using HttpClient http = new();
        int elsewhere = 0;
        foreach (GatewayProcess asked in new[] { a, b, a, c })
        {
            for (int key = 0; key < Keys; key++) elsewhere += await AskAsync(http, asked, key) ? 1 : 0;
        }

        Assert.True(elsewhere >= 10, $"{elsewhere} elsewhere");
        List<long> misses = [];
        long givenUp = 0;
        foreach (GatewayProcess process in all)
        {
            string metrics = await MetricsAsync(process);
            misses.Add(Sum(metrics, "nv_cache_num_misses_per_model"));
            givenUp += Unanswered(metrics);
        }

        // What was given up on the way has been computed all the same, and once more by another; so has, now and then, what an owner seemed too busy for. Three caches of their own would have computed thrice as much.
        Assert.InRange(misses.Sum(), Keys, Keys + (Keys / 2) + givenUp);

        Task<GatewayProcess> ServeKeptAsync(int own) => GatewayProcess.ServeTimedAsync(
            ["--model-repository", kept.Folder, "--cache-config", "local,size=16777216", "--overflow-poll-ms", "1000", "--http-port", Text(ports[own]), .. addresses.SelectMany(address => new[] { "--overflow-replica", address })]);
    }

    [Fact]
    public async Task SlowedReplica_GetsWhatItCanDo_AndNothingIsLost()
    {
        using TimedRepository slow = new(runMilliseconds: 100);
        await using GatewayProcess fast = await ServeAsync();
        await using GatewayProcess slowed = await GatewayProcess.ServeTimedAsync("--model-repository", slow.Folder);
        await using GatewayProcess one = await ServeAsync(fast.HttpAddress, slowed.HttpAddress);
        using FleetClient client = new(one.HttpAddress);
        await AwaitReportsAsync(one, replicas: 2);

        await client.SendAsync(350, TimeSpan.FromSeconds(4));

        Assert.Empty(client.Problems);
        Assert.True(client.Good > 700, $"{client.Good} answered, {client.Refused} refused");
        string metrics = await MetricsAsync(one);
        AssertConserved(metrics, client);
        Assert.True(Sum(await MetricsAsync(fast), "nv_inference_request_success") > Sum(await MetricsAsync(slowed), "nv_inference_request_success"), "the fast one has answered more");
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
        await json.CallAsync();

        Assert.Equal(StatusCode.Unavailable, refused.Status);
        Assert.Equal(1, json.Elsewhere);
        Assert.Equal(1, Sent(await MetricsAsync(door)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AnotherModelOfThatName_GetsNothing(bool isGateway)
    {
        using TempFolder folder = new();
        DirectoryInfo model = Directory.CreateDirectory(Path.Combine(folder.Path, "timed"));
        await File.WriteAllTextAsync(Path.Combine(model.FullName, "config.pbtxt"), """
            name: "timed"
            max_batch_size: 4
            input [ { name: "x" data_type: TYPE_INT64 dims: [ 2 ] } ]
            output [ { name: "y" data_type: TYPE_INT64 dims: [ 2 ] } ]
            """, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(model.CreateSubdirectory("1").FullName, "model.onnx"), Gateway.TestSupport.TimedBackend.Script(20_000, 0, 2), TestContext.Current.CancellationToken);
        await using GatewayProcess other = await GatewayProcess.ServeTimedAsync("--model-repository", folder.Path);
        await using ForeignReplica foreign = await ForeignReplica.StartAsync(other.HttpAddress);
        await using GatewayProcess one = await ServeAsync(isGateway ? other.HttpAddress : foreign.Address);
        await AwaitReportsAsync(one);
        using FleetClient client = new(one.HttpAddress);

        await client.SendAsync(300, TimeSpan.FromSeconds(1));

        Assert.Empty(client.Problems);
        Assert.Equal(0, Sent(await MetricsAsync(one)));
        Assert.Contains("serves another model of the name 'timed'", one.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WarmUps_AreRun_AndAreNobodysRequests()
    {
        await using GatewayProcess other = await ServeAsync();
        await using GatewayProcess one = await ServeAsync(other.HttpAddress);
        await AwaitReportsAsync(one);
        await AwaitReportsAsync(one, over: "gRPC");

        string metrics = await MetricsAsync(other);
        Assert.Equal(2, Sum(metrics, "nv_inference_count"));
        Assert.Equal(0, Sum(metrics, "nv_inference_request_success"));
        Assert.Equal(0, Sum(metrics, "gateway_overflow_received_total"));
        Assert.Equal(0, Sent(await MetricsAsync(one)));
    }

    /// <summary>Whose rows are too large to be sent for nothing is warm once it has said that it is ready.</summary>
    [Fact]
    public async Task RowsTooLargeToBeSentForNothing_ReplicaIsWarm_OnceItSaysItIsReady()
    {
        using TimedRepository wide = new(width: 70_000);
        await using GatewayProcess other = await GatewayProcess.ServeTimedAsync("--model-repository", wide.Folder);
        await using GatewayProcess one = await GatewayProcess.ServeTimedAsync("--model-repository", wide.Folder, "--overflow-replica", other.HttpAddress);

        while (Regex.Count(one.Error, "(is|cannot be) warmed up over") < 2) await DelayAsync(0.02);

        Assert.Contains("is warmed up over HTTP", one.Error, StringComparison.Ordinal);
        Assert.Contains("is warmed up over gRPC", one.Error, StringComparison.Ordinal);
        Assert.Equal(0, Sum(await MetricsAsync(other), "nv_inference_count"));
    }

    [Fact]
    public async Task GrpcIsBlocked_HttpIsUsed()
    {
        await using GatewayProcess other = await ServeAsync();
        await using GatewayProcess one = await ServeAsync($"{other.HttpAddress} grpc={FreePorts(1)[0]}");
        await AwaitReportsAsync(one);
        using FleetClient client = new(one.HttpAddress);

        await client.SendAsync(300, TimeSpan.FromSeconds(2));

        Assert.Empty(client.Problems);
        Assert.True(client.Elsewhere > 20, $"{client.Elsewhere} elsewhere, {client.Good} answered, {client.Refused} refused");
        Assert.Contains("cannot be warmed up over gRPC", one.Error, StringComparison.Ordinal);
        string metrics = await MetricsAsync(one);
        Assert.Equal(0, Sum(metrics, $"gateway_replica_health{{replica=\"{other.HttpAddress}\",transport=\"http\"}}"));
        Assert.Equal(4, Sum(metrics, $"gateway_replica_health{{replica=\"{other.HttpAddress}\",transport=\"grpc\"}}"));
    }

    [Fact]
    public async Task WhoForwards_HasAsked_AllOthersAreClients()
    {
        await using GatewayProcess one = await ServeAsync();
        using HttpClient http = new();
        using HttpRequestMessage request = new(HttpMethod.Post, new Uri(new Uri(one.HttpAddress), "/v2/models/timed/infer")) { Content = new StringContent("""{"inputs":[{"name":"x","datatype":"INT64","shape":[1,1],"data":[41]}]}""") };
        request.Headers.Add("Gateway-Origin", "0123456789abcdef");

        using HttpResponseMessage answer = await http.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.True(answer.IsSuccessStatusCode);
        Assert.False(answer.Headers.Contains("Gateway-Load"));
        Assert.Equal(0, Sum(await MetricsAsync(one), "gateway_overflow_received_total"));
    }

    [Fact]
    public async Task ReplicaThatReportsNonsense_GetsNothing()
    {
        await using LyingReplica liar = await LyingReplica.StartAsync(null, Lie.Garbage);
        await using GatewayProcess one = await ServeAsync([liar.Address, "http://does-not-exist.invalid:1"]);
        using FleetClient client = new(one.HttpAddress);

        await client.SendAsync(300, TimeSpan.FromSeconds(1));

        Assert.Empty(client.Problems);
        Assert.Equal(0, Sent(await MetricsAsync(one)));
        Assert.Contains("what it answers is no report", one.Error, StringComparison.Ordinal);
        Assert.Contains("does-not-exist.invalid", one.Error, StringComparison.Ordinal);
    }
}
