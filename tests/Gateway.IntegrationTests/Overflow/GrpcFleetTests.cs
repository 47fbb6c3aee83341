using System.Globalization;
using Gateway.TestSupport.Grpc;

namespace Gateway.IntegrationTests.Overflow;

/// <summary>Calls over gRPC with a stranger's client, a seventh of a second each, that one server cannot answer in time.</summary>
[Collection(nameof(Alone))]
public sealed class GrpcFleetTests : FleetTesting
{
    [Fact]
    public async Task Grpc_Overload_IsServedByTheOther()
    {
        await using GatewayProcess other = await ServeAsync();
        await using GatewayProcess one = await ServeAsync(other.HttpAddress);
        await AwaitReportsAsync(one, over: "gRPC");
        string script = Path.Combine(GatewayProcess.RepositoryRoot, "tests", "interop", "grpc_fleet.py");

        string output = await StrangerClient.RunAsync("/usr/bin/python3", script, new Uri(one.GrpcAddress).Authority, "1000", "60", "0.15");

        // "506 answered, 222 elsewhere, 494 refused"
        int[] counts = [.. output.Split(' ').Where(word => char.IsAsciiDigit(word[0])).Select(word => int.Parse(word, CultureInfo.InvariantCulture))];
        Assert.InRange(counts[1], 20, counts[0]);
        Assert.InRange(counts[0], 150, 1000);
        AssertReceived(sent: await MetricsAsync(one), received: await MetricsAsync(other));
    }

    [Fact]
    public async Task GrpcOfAServerThatIsNoGateway_IsWhereItIsConfigured()
    {
        await using GatewayProcess other = await ServeAsync();
        await using ForeignReplica foreign = await ForeignReplica.StartAsync(other.HttpAddress);
        string script = Path.Combine(GatewayProcess.RepositoryRoot, "tests", "interop", "grpc_fleet.py");

        // Nobody sends it inferences of zeros; what it compiles in its first ones would be taken for slowness.
        await StrangerClient.RunAsync("/usr/bin/python3", script, new Uri(other.GrpcAddress).Authority, "50", "5", "0");
        await using GatewayProcess one = await ServeAsync($"{foreign.Address} grpc={new Uri(other.GrpcAddress).Port}");
        await AwaitReportsAsync(one, over: "gRPC");

        string output = await StrangerClient.RunAsync("/usr/bin/python3", script, new Uri(one.GrpcAddress).Authority, "1000", "60", "0.15");

        int[] counts = [.. output.Split(' ').Where(word => char.IsAsciiDigit(word[0])).Select(word => int.Parse(word, CultureInfo.InvariantCulture))];
        Assert.True(counts[1] >= 20, $"{output}\n{string.Join('\n', (await MetricsAsync(one)).Split('\n').Where(line => line.StartsWith("gateway_replica", StringComparison.Ordinal)))}\n{one.Error}");
    }

    /// <summary>The one connection of gRPC is cut off in the middle of the network, for a while: nothing is lost, HTTP goes on, and afterwards it is used again.</summary>
    [Theory]
    [InlineData(LinkFault.Silent)]
    [InlineData(LinkFault.Reset)]
    public async Task GrpcCutOff_UnderLoad_NothingIsLost_AndItComesBack(LinkFault fault)
    {
        await using GatewayProcess other = await ServeAsync();
        await using FaultyLink link = FaultyLink.To(other.GrpcAddress);
        await using GatewayProcess one = await ServeAsync($"{other.HttpAddress} grpc={link.Address}");
        await AwaitReportsAsync(one, over: "gRPC");
        using GrpcChannel channel = new(one.GrpcAddress);
        using CancellationTokenSource stop = new();
        Task<List<StreamOfNumbers>> load = LoadAsync(channel, stop.Token);

        await UsedAsync(50);
        link.Fault = fault;
        await DelayAsync(1.5);
        link.Fault = LinkFault.None;
        await UsedAsync(await AnsweredAsync() + 50);
        await stop.CancelAsync();

        Assert.All(await load, stream => Assert.Empty(stream.Problems));
        string metrics = await MetricsAsync(one);
        Assert.True(Sum(metrics, $"gateway_replica_ejections_total{{replica=\"{other.HttpAddress}\",transport=\"grpc\"}}") > 0, "it was thrown out while it was cut off");
        Assert.Equal(0, Sum(metrics, $"gateway_replica_ejections_total{{replica=\"{other.HttpAddress}\",transport=\"http\"}}"));

        async Task<long> AnsweredAsync() => Sum(await MetricsAsync(one), "gateway_replica_requests_total{outcome=\"answered\"");

        async Task UsedAsync(long elsewhere)
        {
            while (await AnsweredAsync() < elsewhere && !load.IsCompleted) await DelayAsync(0.05);
            Assert.False(load.IsCompleted, $"{await AnsweredAsync()} elsewhere\n{one.Error}");
        }
    }

    /// <summary>Four streams of 90 requests a second each, again and again, for as long as a test may take.</summary>
    private static async Task<List<StreamOfNumbers>> LoadAsync(GrpcChannel channel, CancellationToken stop)
    {
        List<StreamOfNumbers> all = [];
        for (int round = 0; round < 60 && !stop.IsCancellationRequested; round++)
        {
            all.AddRange(await Task.WhenAll(Enumerable.Range(0, 4).Select(i => StreamOfNumbers.RunAsync(channel, first: (1_000_000L * round) + (1000 * i), count: 180, rate: 90))));
        }

        return all;
    }
}
