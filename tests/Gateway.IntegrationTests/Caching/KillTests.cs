using Gateway.TestSupport.Kills;

namespace Gateway.IntegrationTests.Caching;

/// <summary>A short run of <c>tests/Gateway.Kills</c>.</summary>
public sealed class KillTests
{
    [Fact]
    public async Task KilledUnderLoad_StartsEachTimeAndNeverAnswersWrongly()
    {
        KillTally tally = await KillRun.RunAsync(GatewayProcess.ProgramPath, kills: 5, seed: 1);

        Assert.Empty(tally.Violations);
        Assert.True(tally.Answers > 1000, tally.ToString());
        Assert.True(tally.Inherited > 0, tally.ToString());
    }
}
