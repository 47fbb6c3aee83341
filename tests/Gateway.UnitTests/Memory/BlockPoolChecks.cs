using Gateway.Core.Memory;

namespace Gateway.UnitTests.Memory;

internal static class BlockPoolChecks
{
    /// <summary>Asserts that no block is still lent.</summary>
    public static void AssertAllBack(this BlockPool pool)
    {
        foreach (BlockOwner owner in Enum.GetValues<BlockOwner>()) Assert.True(pool.RentedBlocks(owner) == 0, $"{pool.RentedBlocks(owner)} blocks of {owner} were not given back");
    }
}
