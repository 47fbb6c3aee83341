using System.Globalization;

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
        await using GatewayProcess one = await ServeAsync($"{foreign.Address} grpc={new Uri(other.GrpcAddress).Port}");
        await AwaitReportsAsync(one, over: "gRPC");
        string script = Path.Combine(GatewayProcess.RepositoryRoot, "tests", "interop", "grpc_fleet.py");

        string output = await StrangerClient.RunAsync("/usr/bin/python3", script, new Uri(one.GrpcAddress).Authority, "1000", "60", "0.15");

        int[] counts = [.. output.Split(' ').Where(word => char.IsAsciiDigit(word[0])).Select(word => int.Parse(word, CultureInfo.InvariantCulture))];
        Assert.InRange(counts[1], 20, counts[0]);
    }
}
