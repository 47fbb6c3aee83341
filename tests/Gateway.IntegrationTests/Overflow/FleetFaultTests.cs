using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;

namespace Gateway.IntegrationTests.Overflow;

/// <summary>Several real servers under load while one of them is killed, paused, stopped, cut off, restarted, or lies: nothing is lost, and it is used again afterwards.</summary>
public sealed class FleetFaultTests : FleetTesting
{
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
        using FleetClient alone = new(steady.HttpAddress);
        await AwaitReportsAsync(one, replicas: 2);
        await alone.SendAsync(300, TimeSpan.FromSeconds(4));

        using CancellationTokenSource stop = new();
        Task load = client.SendUntilAsync(300, TimeSpan.FromMinutes(2), stop.Token);
        await DelayAsync(1.5);
        victim.Signal(signal);
        await DelayAsync(2.5);
        int good = client.Good;
        if (signal == GatewayProcess.Pause)
        {
            // It is found out by itself that it is there again.
            long before = AnsweredByVictim(await MetricsAsync(one));
            victim.Signal(GatewayProcess.Resume);
            while (AnsweredByVictim(await MetricsAsync(one)) <= before && !load.IsCompleted) await DelayAsync(0.1);
            Assert.False(load.IsCompleted, $"it gets requests again: {client}\n{one.Error}");
        }

        await stop.CancelAsync();
        await load;

        Assert.Empty(client.Problems);
        AssertMoreThanAlone(good, client, alone);
        AssertConserved(await MetricsAsync(one), client);
        if (signal == GatewayProcess.Terminate) Assert.Equal(0, await victim.WaitForExitAsync());

        long AnsweredByVictim(string metrics) => Sum(metrics, $"gateway_replica_requests_total{{outcome=\"answered\",replica=\"{victim.HttpAddress}\"");
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
