using Gateway.Core.Scheduling.Resources;

namespace Gateway.UnitTests.Models.Repository;

/// <summary>Models whose configuration names resources, through loads, reloads and checks.</summary>
public sealed class RateLimitedLoadsTests
{
    private const string TwoOfR = "max_batch_size: 8 instance_group { name: 'g' kind: KIND_CPU rate_limiter { resources { name: 'R' count: 2 } priority: 3 } }";
    private const string TooMuch = "instance group 'g' needs 2 of resource 'R' on device 0, and there are 1 (--rate-limit-resource)";

    [Fact]
    public async Task Load_MoreThanThereIs_IsUnavailable()
    {
        await using ScriptedRepository repository = new(limiter: Limiter("R:1"));
        repository.Write("m", Core(1), config: TwoOfR).Write("n", Core(2));

        await Assert.ThrowsAnyAsync<Exception>(() => repository.LoadAsync("m"));
        await repository.LoadAsync("n");

        Assert.Equal([$"m 1 Unavailable: {TooMuch}", "n 1 Ready"], repository.Index());
    }

    [Fact]
    public async Task Load_NoLimiter_ResourcesAreIgnored()
    {
        await using ScriptedRepository repository = new();
        await repository.Write("m", Core(1), config: TwoOfR).LoadAsync("m");

        Assert.Equal(1, await repository.AddsAsync("m"));
    }

    [Fact]
    public async Task LoadAgainAndUnload_ResourcesAreBack()
    {
        RateLimiter limiter = Limiter("R:2");
        await using ScriptedRepository repository = new(limiter: limiter);
        for (int i = 1; i <= 3; i++)
        {
            await repository.Write("m", Core(i), config: TwoOfR).LoadAsync("m");
            Assert.Equal(i, await repository.AddsAsync("m"));
        }

        await repository.Repository.UnloadAsync("m");
        await repository.Repository.StopAsync(TimeSpan.FromSeconds(10));

        Assert.Empty(limiter.Resources);
    }

    [Fact]
    public async Task CheckAll_MoreThanThereIs_NamesIt()
    {
        RateLimiter limiter = Limiter("R:1");
        await using ScriptedRepository repository = new(limiter: limiter);
        repository.Write("m", Core(1), config: TwoOfR);

        Assert.Equal([TooMuch], repository.Repository.CheckAll().Select(status => status.Reason));
        Assert.Empty(limiter.Resources);
    }

    private static string Core(long add) => TestSupport.ScriptedBackend.Script(add);

    private static RateLimiter Limiter(params string[] counts)
    {
        Assert.Null(ResourceCounts.Parse(counts, out ResourceCounts parsed));
        return new RateLimiter(parsed, TimeProvider.System);
    }
}
