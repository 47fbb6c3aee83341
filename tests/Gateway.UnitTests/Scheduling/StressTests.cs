using Gateway.TestSupport;

namespace Gateway.UnitTests.Scheduling;

/// <summary>Short runs of what <c>tests/Gateway.Stress</c> does for as long as one likes.</summary>
public sealed class StressTests
{
    [Fact]
    public async Task Run_EngineAsItIs_LosesNothingAndMixesNothingUp()
    {
        int seed = Random.Shared.Next();

        StressTally tally = await StressRun.RunAsync(seed, TimeSpan.FromSeconds(3));

        Assert.True(tally.Violations.Count == 0, $"seed {seed}: {string.Join("; ", tally.Violations)} ({tally})");
    }

    [Fact]
    public async Task Run_ModelMixesRowsUp_IsDetected()
    {
        StressTally tally = await StressRun.RunAsync(seed: 1, TimeSpan.FromSeconds(10), mixesRowsUp: true);

        Assert.Contains("has another row's answer", tally.Violations[0], StringComparison.Ordinal);
    }
}
