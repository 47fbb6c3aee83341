using Gateway.Core.Tenants;

namespace Gateway.UnitTests.Tenants;

public sealed class TokenBucketTests
{
    private const long Second = 1_000_000;

    [Fact]
    public void TryTake_BurstThenRate()
    {
        TokenBucket bucket = new(perSecond: 10, burst: 3, Second);

        for (int i = 0; i < 3; i++) Assert.True(bucket.TryTake(5_000, out _));
        Assert.False(bucket.TryTake(5_000, out long wait));
        Assert.Equal(Second / 10, wait);

        // Not a tick too early, and then once.
        Assert.False(bucket.TryTake(5_000 + wait - 1, out _));
        Assert.True(bucket.TryTake(5_000 + wait, out _));
        Assert.False(bucket.TryTake(5_000 + wait, out _));
    }

    [Fact]
    public void TryTake_AfterALongSilence_NoMoreThanTheBurst()
    {
        TokenBucket bucket = new(perSecond: 10, burst: 3, Second);

        Assert.Equal(3, Enumerable.Range(0, 100).Count(attempt => bucket.TryTake((1_000 * Second) + (attempt / 100), out _)));
    }

    [Theory]
    [InlineData(0.5, 2)]
    [InlineData(7, 2)]
    [InlineData(1_000, 20)]
    public void TryTake_AskedForALot_GivesTheRate(double rate, double burst)
    {
        TokenBucket bucket = new(rate, burst, Second);
        Random random = new(1);
        long now = 0;
        int taken = 0;
        while (now < 100 * Second)
        {
            if (bucket.TryTake(now, out _)) taken++;
            now += random.Next(1, (int)(Second / rate / 2));
        }

        Assert.InRange(taken, (100 * rate * 0.98) - 1, (100 * rate) + burst + 1);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(Second)]
    public void Draw_GivenBack_IsAsIfItHadNotBeen_AndNoMoreThanTheBurst(long later)
    {
        TokenBucket bucket = new(perSecond: 0.001, burst: 5, Second);
        bucket.Draw(0, 3);

        bucket.Draw(later, -3);

        Assert.Equal(5, Enumerable.Range(0, 10).Count(_ => bucket.TryTake(later, out long _)));
    }

    [Fact]
    public void Draw_MoreThanThereIs_HasToComeInFirst()
    {
        TokenBucket bucket = new(perSecond: 10, burst: 5, Second);

        Assert.True(bucket.HasAny(0, out _));
        bucket.Draw(0, 25);

        // 5 were there; 20 come in within two seconds.
        Assert.False(bucket.HasAny(2 * Second, out long wait));
        Assert.InRange(wait, 1, 2);
        Assert.True(bucket.HasAny((2 * Second) + wait, out _));
    }

    [Fact]
    public void Draw_HoweverMuch_IsADayOfDebtAtMost()
    {
        TokenBucket bucket = new(perSecond: 1, burst: 5, Second);
        for (int i = 0; i < 100; i++) bucket.Draw(0, int.MaxValue);

        Assert.False(bucket.HasAny(0, out long wait));
        Assert.InRange(wait, 1, 24 * 60 * 60 * Second + 1);
    }

    [Fact]
    public void Draw_AbsurdNumbers_NeverOverflow()
    {
        TokenBucket bucket = new(perSecond: 0.001, burst: 1e9, 1_000_000_000);
        for (int i = 0; i < 100; i++) bucket.Draw(long.MaxValue / 16, int.MaxValue);

        Assert.False(bucket.HasAny(long.MaxValue / 16, out long wait));
        Assert.InRange(wait, 1, long.MaxValue / 2);
    }

    [Fact]
    public async Task TryTake_ManyThreads_GivesEachTokenOnce()
    {
        TokenBucket bucket = new(perSecond: 1, burst: 10_000, Second);
        int taken = 0;

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (int i = 0; i < 10_000; i++)
            {
                if (bucket.TryTake(0, out long _)) Interlocked.Increment(ref taken);
            }
        })));

        Assert.Equal(10_000, taken);
    }
}
