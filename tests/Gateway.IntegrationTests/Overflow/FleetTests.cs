namespace Gateway.IntegrationTests.Overflow;

/// <summary>Several real servers with a model of 200 requests a second each: what one cannot answer in time another does, as far as there is room.</summary>
public sealed class FleetTests : FleetTesting
{
    [Fact]
    public async Task Overload_OfOne_IsServedByTheOther()
    {
        await using GatewayProcess other = await ServeAsync();
        await using GatewayProcess one = await ServeAsync(other.HttpAddress);
        using FleetClient client = new(one.HttpAddress);
        using FleetClient alone = new(other.HttpAddress);
        await AwaitReportsAsync(one);

        await alone.SendAsync(350, TimeSpan.FromSeconds(4));
        await client.SendAsync(350, TimeSpan.FromSeconds(4));

        Assert.Empty(client.Problems);
        Assert.InRange(client.Elsewhere, 50, 1400);
        AssertMoreThanAlone(client.Good, client, alone);

        // Nobody waits for longer than an answer may take, be it for a refusal: generously, as the machine may be busy.
        Assert.InRange(client.SlowestMilliseconds, 0, 2000);
        string metrics = await MetricsAsync(one);
        Assert.Equal(client.Elsewhere, Sum(metrics, "gateway_replica_requests_total{outcome=\"answered\""));
        Assert.Equal(client.Elsewhere, Sum(metrics, "gateway_overflow_hop_duration_seconds_count"));
        Assert.Equal(0, Sum(metrics, "gateway_replica_requests_total{outcome=\"failed\""));
        string others = await MetricsAsync(other);
        AssertReceived(sent: metrics, received: others);
        Assert.InRange(Sum(metrics, "nv_inference_request_success") + Sum(others, "nv_inference_request_success"), alone.Good + client.Good, alone.Good + client.Good + Unanswered(metrics));
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

    [Fact]
    public async Task SlowedReplica_GetsWhatItCanDo_AndNothingIsLost()
    {
        using TimedRepository slow = new(runMilliseconds: 100);
        await using GatewayProcess fast = await ServeAsync();
        await using GatewayProcess slowed = await GatewayProcess.ServeTimedAsync("--model-repository", slow.Folder);
        await using GatewayProcess one = await ServeAsync(fast.HttpAddress, slowed.HttpAddress);
        using FleetClient client = new(one.HttpAddress);
        using FleetClient alone = new(fast.HttpAddress);
        await AwaitReportsAsync(one, replicas: 2);

        await alone.SendAsync(350, TimeSpan.FromSeconds(4));
        await client.SendAsync(350, TimeSpan.FromSeconds(4));

        Assert.Empty(client.Problems);
        AssertMoreThanAlone(client.Good, client, alone);
        string metrics = await MetricsAsync(one);
        AssertConserved(metrics, client);
        Assert.True(Sum(await MetricsAsync(fast), "nv_inference_request_success") - alone.Good > Sum(await MetricsAsync(slowed), "nv_inference_request_success"), "the fast one has answered more");
    }
}
