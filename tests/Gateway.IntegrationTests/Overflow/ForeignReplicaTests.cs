using System.Text.RegularExpressions;

namespace Gateway.IntegrationTests.Overflow;

/// <summary>A replica that is no gateway, and does not do what is guessed of it.</summary>
public sealed class ForeignReplicaTests : FleetTesting
{
    /// <summary>It has less under way than any other, and is taken for busy all the same.</summary>
    [Fact]
    public async Task RefusesAtOnce_GetsNextToNothing_AndTheOtherAnswers()
    {
        using TimedRepository repository = new(objectiveMilliseconds: 1000, runMilliseconds: 100);
        await using GatewayProcess other = await GatewayProcess.ServeTimedAsync("--model-repository", repository.Folder);
        await using ForeignReplica foreign = await ForeignReplica.StartAsync(other.HttpAddress);
        foreign.Refuses = true;
        await using GatewayProcess one = await GatewayProcess.ServeTimedAsync("--model-repository", repository.Folder, "--overflow-replica", other.HttpAddress, "--overflow-replica", foreign.Address);
        using FleetClient client = new(one.HttpAddress);
        await AwaitReportsAsync(one, replicas: 2);

        // Each of the two does 40 a second.
        await client.SendAsync(60, TimeSpan.FromSeconds(8));

        Assert.Empty(client.Problems);
        string about = $"{client}; {foreign.Asked} of the one that refuses";
        Assert.True(client.Elsewhere >= 50, about);
        Assert.True(client.Refused <= client.Sent / 50, about);
        Assert.True(foreign.Asked <= client.Sent / 10, about);
    }

    [Fact]
    public async Task HangsUpOnWhoAsks_IsNotTakenForReady_UntilItSaysSo()
    {
        await using GatewayProcess other = await ServeAsync();
        await using ForeignReplica foreign = await ForeignReplica.StartAsync(other.HttpAddress);
        await using GatewayProcess one = await ServeAsync(foreign.Address);
        await AwaitReportsAsync(one);
        Assert.Equal(1, Reported());

        foreign.HangsUp = true;
        while (!one.Error.Contains("does not report", StringComparison.Ordinal)) await DelayAsync(0.02);
        await DelayAsync(2.5);

        Assert.Equal(1, Reported());
        foreign.HangsUp = false;
        while (Reported() == 1) await DelayAsync(0.02);

        int Reported() => Regex.Count(one.Error, "reports: Serving, and is no gateway");
    }
}
