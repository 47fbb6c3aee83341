using Gateway.Core.Caching;

namespace Gateway.UnitTests.Caching;

public sealed class CacheCountsTests
{
    [Fact]
    public void IsOfNoUse_ManyMissesInARow_UntilTheNextHitOrJoin()
    {
        CacheCounts counts = new();
        for (int use = 0; use < 2; use++)
        {
            for (int i = 0; i < 4096; i++)
            {
                Assert.False(counts.IsOfNoUse);
                counts.CountMiss();
            }

            Assert.True(counts.IsOfNoUse);
            if (use == 0) counts.CountHit(1, 1, isOnDisk: false);
            else counts.CountJoin();
        }

        Assert.False(counts.IsOfNoUse);
    }
}
