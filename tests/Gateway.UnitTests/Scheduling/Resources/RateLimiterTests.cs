using Gateway.Core.Execution;
using Gateway.Core.Models.Configuration;
using Gateway.Core.Scheduling.Resources;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Scheduling.Resources;

public sealed class RateLimiterTests
{
    private readonly ManualTimeProvider _time = new();
    private readonly RateLimiter _limiter;

    public RateLimiterTests() => _limiter = new RateLimiter(ResourceCounts.Unsaid, _time);

    [Fact]
    public void Limit_NothingSaid_IsTheMostThatAnyoneNeeds()
    {
        using ResourceClaim a = Add(1, ("R1", 4), ("R2", 4));
        using ResourceClaim b = Add(1, ("R2", 5), ("R3", 10));
        Assert.Equal([4, 5, 10], _limiter.Resources.Select(each => each.Limit));

        b.Dispose();

        Assert.Equal([("R1", 4), ("R2", 4)], _limiter.Resources.Select(each => (each.Resource.Name, each.Limit)));
    }

    [Fact]
    public void Ask_AllOfItInUse_WaitsForWhatIsGivenBack()
    {
        using ResourceClaim a = Add(1, ("R", 2));
        using ResourceClaim b = Add(1, ("R", 1));
        bool isGranted = false;
        b.OnGranted = () => isGranted = true;

        Assert.True(a.Ask());
        Assert.False(b.Ask());
        Assert.Equal([("m", 1, 1)], _limiter.Models);
        a.GiveBack();
        _limiter.Deliver();

        Assert.True(isGranted);
        Assert.Equal([(2, 1)], _limiter.Resources.Select(each => (each.Limit, each.InUse)));
    }

    [Fact]
    public void Ask_OtherDevice_DoesNotWait()
    {
        using ResourceClaim a = _limiter.Add(("m", 1), Group(1, 0, ("R", false, 1)))!;
        using ResourceClaim b = _limiter.Add(("m", 1), Group(1, 1, ("R", false, 1)))!;

        Assert.True(a.Ask());
        Assert.True(b.Ask());
        Assert.Equal(["0", "1"], _limiter.Resources.Select(each => each.Resource.DeviceText));
    }

    [Fact]
    public void Ask_GlobalOnOtherDevice_Waits()
    {
        using ResourceClaim a = _limiter.Add(("m", 1), Group(1, 0, ("R", true, 1)))!;
        using ResourceClaim b = _limiter.Add(("m", 1), Group(1, 1, ("R", true, 1)))!;

        Assert.True(a.Ask());
        Assert.False(b.Ask());
    }

    [Fact]
    public void Turns_AllGoOnAsking_AreInProportionToPriorities()
    {
        using ResourceClaim a = Add(0, ("R", 1));
        using ResourceClaim b = Add(2, ("R", 1));
        using ResourceClaim c = Add(4, ("R", 1));

        int[] turns = Play(700, a, b, c);

        Assert.InRange(turns[0], 399, 401);
        Assert.InRange(turns[1], 199, 201);
        Assert.InRange(turns[2], 99, 101);
    }

    [Fact]
    public void Turns_OneComesLater_NeitherMakesUpForTheTimeBefore()
    {
        using ResourceClaim old = Add(1, ("R", 1));
        Play(1000, old);
        using ResourceClaim young = Add(1, ("R", 1));

        Assert.InRange(Play(100, old, young)[0], 48, 52);

        // Nor does one that had nothing to do for long.
        Play(1000, young);
        Assert.InRange(Play(100, old, young)[0], 48, 52);
    }

    [Fact]
    public void Turns_OneNeedsAllOfIt_IsNotLeftBehindByThoseThatNeedLittle()
    {
        using ResourceClaim large = Add(1, ("R", 2));
        using ResourceClaim one = Add(1, ("R", 1));
        using ResourceClaim other = Add(1, ("R", 1));
        Assert.True(one.Ask());
        Assert.True(other.Ask());
        Assert.False(large.Ask());

        // One of the two always runs, but what is free is kept for who is next.
        one.IsSpent = true;
        Assert.False(one.Ask());
        other.IsSpent = true;
        Assert.False(other.Ask());

        Assert.Equal(ResourceClaimState.Held, large.State);
    }

    [Fact]
    public void Turns_NeedsNothingThatIsKept_GoesBefore()
    {
        using ResourceClaim first = Add(1, ("R", 1));
        using ResourceClaim second = Add(1, ("R", 1));
        using ResourceClaim apart = Add(1, ("S", 1));
        Assert.True(first.Ask());
        Assert.False(second.Ask());

        Assert.True(apart.Ask());
    }

    [Fact]
    public void Ask_HasNotRunYet_KeepsWhatItHas()
    {
        using ResourceClaim a = Add(1, ("R", 1));
        using ResourceClaim b = Add(1, ("R", 1));
        Assert.True(a.Ask());
        Assert.False(b.Ask());

        Assert.True(a.Ask());
        Assert.Equal(ResourceClaimState.Waiting, b.State);
    }

    [Fact]
    public void GiveBack_NoBatchWasRun_IsNoTurn()
    {
        using ResourceClaim a = Add(1, ("R", 1));
        for (int i = 0; i < 10; i++)
        {
            Assert.True(a.Ask());
            a.GiveBack();
        }

        Assert.Equal(0, a.Turn);
    }

    [Fact]
    public void Dispose_WhileOneWaits_GivesBack()
    {
        using ResourceClaim a = Add(1, ("R", 1));
        using ResourceClaim b = Add(1, ("R", 1));
        using ResourceClaim c = Add(1, ("R", 1));
        Assert.True(a.Ask());
        Assert.False(b.Ask());
        Assert.False(c.Ask());

        b.Dispose();
        a.Dispose();
        a.Dispose();

        Assert.Equal(ResourceClaimState.Held, c.State);
        Assert.False(a.Ask());
    }

    [Fact]
    public void ExpectedWait_AfterWaits_IsTheirMean()
    {
        using ResourceClaim a = Add(1, ("R", 1));
        using ResourceClaim b = Add(1, ("R", 1));
        for (int i = 0; i < 100; i++)
        {
            Assert.True(a.Ask());
            Assert.False(b.Ask());
            _time.Advance(TimeSpan.FromMilliseconds(10));
            a.GiveBack();
            b.GiveBack();
        }

        Assert.InRange(_time.GetElapsedTime(0, b.ExpectedWait).TotalMilliseconds, 9.9, 10);
        Assert.Equal(0, a.ExpectedWait);
    }

    [Fact]
    public void Add_NeedsNothing_IsNoClaim()
    {
        Assert.Null(_limiter.Add(("m", 1), new InstanceGroup()));
        Assert.Null(_limiter.Add(("m", 1), Group(2, 0)));
        Assert.Null(_limiter.Add(("m", 1), Group(2, 0, ("R", false, 0))));
    }

    [Theory]
    [InlineData("R", 3, "instance group 'g' needs 3 of resource 'R' on device 0, and there are 2 (--rate-limit-resource)")]
    [InlineData("S", 1, "instance group 'g' needs 1 of resource 'S' on device 0, and there is none: --rate-limit-resource does not name it")]
    public void Add_CouldNeverRun_SaysWhy(string name, int count, string expected)
    {
        Assert.Null(ResourceCounts.Parse(["R:2"], out ResourceCounts counts));
        RateLimiter limiter = new(counts, _time);

        ModelLoadException error = Assert.Throws<ModelLoadException>(() => limiter.Add(("m", 1), Group(1, 0, (name, false, count))));

        Assert.Equal(expected, error.Message);
        Assert.Empty(limiter.Resources);
    }

    [Fact]
    public void Add_OtherHasItForAllDevices_IsRefused()
    {
        using ResourceClaim global = _limiter.Add(("m", 1), Group(1, 0, ("R", true, 1)))!;

        ModelLoadException error = Assert.Throws<ModelLoadException>(() => _limiter.Add(("n", 1), Group(1, 0, ("R", false, 1))));

        Assert.Equal("instance group 'g' needs resource 'R' on device 0: other models have it for all devices (global), and it cannot be both", error.Message);
    }

    /// <summary>Lets claims that always have a batch run so many, one at a time.</summary>
    /// <returns>How many each has run.</returns>
    private int[] Play(int batches, params ResourceClaim[] claims)
    {
        int[] turns = new int[claims.Length];
        foreach (ResourceClaim claim in claims) claim.Ask();
        for (int i = 0; i < batches; i++)
        {
            int running = Array.FindIndex(claims, claim => claim.State == ResourceClaimState.Held);
            turns[running]++;
            claims[running].IsSpent = true;
            claims[running].Ask();
        }

        // Those that have their turn now and those that wait for it have nothing to run any more.
        while (Array.Find(claims, claim => claim.State == ResourceClaimState.Held) is { } last) last.GiveBack();
        return turns;
    }

    private ResourceClaim Add(int priority, params (string Name, int Count)[] needs) =>
        _limiter.Add(("m", 1), Group(priority, 0, [.. needs.Select(need => (need.Name, false, need.Count))]))!;

    private static InstanceGroup Group(int priority, int gpu, params (string Name, bool IsGlobal, int Count)[] needs) => new()
    {
        Name = "g",
        Gpus = [gpu],
        RateLimiter = new InstanceRateLimiter([.. needs.Select(need => new NeededResource(need.Name, need.IsGlobal, need.Count))], priority),
    };
}
