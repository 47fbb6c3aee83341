using Gateway.Core.Overflow.Affinity;
using Gateway.TestSupport.Simulation.Fleets;

namespace Gateway.UnitTests.Overflow.Affinity;

public sealed class HashRingTests
{
    private const int Keys = 20_000;

    private static readonly string[] Ten = [.. Enumerable.Range(0, 10).Select(i => $"http://10.0.0.{i}:8000")];

    [Fact]
    public void Find_AnyKey_AllMembersEachOnce()
    {
        HashRing ring = new(Ten);
        SeededRandom random = new(1);
        int[] found = new int[20];
        for (int i = 0; i < Keys; i++)
        {
            Assert.Equal(10, ring.Find(random.Next(), found));
            Assert.Equal(Enumerable.Range(0, 10), found[..10].Order());
        }
    }

    [Fact]
    public void Find_ShorterSpan_TheFirstOfThem()
    {
        HashRing ring = new(Ten);
        int[] all = new int[10];
        int[] three = new int[3];
        for (ulong key = 0; key < 1000; key++)
        {
            ring.Find(key, all);
            Assert.Equal(3, ring.Find(key, three));
            Assert.Equal(all[..3], three);
        }
    }

    [Fact]
    public void Find_AnyOrderOfMembers_TheSameOwners()
    {
        string[] reversed = [.. Ten.Reverse()];
        HashRing one = new(Ten);
        HashRing other = new(reversed);
        for (ulong key = 0; key < Keys; key++) Assert.Equal(Ten[Owner(one, key)], reversed[Owner(other, key)]);
    }

    [Fact]
    public void Find_OneMemberLess_OnlyItsKeysMoveAndToTheNext()
    {
        HashRing all = new(Ten);
        HashRing less = new(Ten[..9]);
        int[] found = new int[2];
        int moved = 0;
        for (ulong key = 0; key < Keys; key++)
        {
            all.Find(key, found);
            int now = Owner(less, key);
            Assert.Equal(found[0] == 9 ? found[1] : found[0], now);
            moved += found[0] == 9 ? 1 : 0;
        }

        Assert.InRange(moved, Keys / 20, Keys / 5);
    }

    [Fact]
    public void Find_ConsecutiveKeys_SharesAreEven()
    {
        HashRing ring = new(Ten);
        int[] shares = new int[10];
        for (ulong key = 0; key < Keys; key++) shares[Owner(ring, key)]++;

        Assert.All(shares, share => Assert.InRange(share, Keys / 10 * 0.65, Keys / 10 * 1.35));
    }

    [Fact]
    public void Find_NoMembers_None() => Assert.Equal(0, new HashRing([]).Find(1, new int[3]));

    [Fact]
    public void New_TooMany_IsAnError() => Assert.Throws<ArgumentOutOfRangeException>(() => new HashRing([.. Enumerable.Range(0, 21).Select(i => $"{i}")]));

    private static int Owner(HashRing ring, ulong key)
    {
        Span<int> found = stackalloc int[1];
        ring.Find(key, found);
        return found[0];
    }
}
