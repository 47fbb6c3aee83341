using System.Net;
using System.Text.RegularExpressions;

namespace Gateway.IntegrationTests.Overflow;

/// <summary>Who is a replica, of what, and over what: by configuration, by file, by cluster; other servers, other models, warm-ups.</summary>
public sealed class FleetMembershipTests : FleetTesting
{
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

    /// <summary>Where the model that is soonest takes no request of zeros, the next one does.</summary>
    [Fact]
    public async Task RowsOfTheSoonestTooLarge_ReplicaIsWarmedUpByTheNext()
    {
        using TimedRepository wide = new(width: 70_000, runMilliseconds: 5, name: "wide");
        using TimedRepository narrow = new(runMilliseconds: 50);
        string[] both = ["--model-repository", wide.Folder, "--model-repository", narrow.Folder];
        await using GatewayProcess other = await GatewayProcess.ServeTimedAsync(both);
        await using GatewayProcess one = await GatewayProcess.ServeTimedAsync([.. both, "--overflow-replica", other.HttpAddress]);

        while (Regex.Count(one.Error, "(is|cannot be) warmed up over") < 2) await DelayAsync(0.02);

        string metrics = await MetricsAsync(other);
        Assert.Equal((0, 2), (Sum(metrics, "nv_inference_count{model=\"wide\""), Sum(metrics, "nv_inference_count{model=\"timed\"")));
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
        http.DefaultRequestHeaders.Add("Gateway-Origin", "0123456789abcdef");
        using StringContent body = new("""{"inputs":[{"name":"x","datatype":"INT64","shape":[1,1],"data":[41]}]}""");

        using HttpResponseMessage answer = await http.PostAsync(new Uri(new Uri(one.HttpAddress), "/v2/models/timed/infer"), body, TestContext.Current.CancellationToken);

        Assert.True(answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.ServiceUnavailable, $"{answer.StatusCode}");
        Assert.False(answer.Headers.Contains("Gateway-Load"));
        Assert.Equal(0, Sum(await MetricsAsync(one), "gateway_overflow_received_total"));
    }
}
