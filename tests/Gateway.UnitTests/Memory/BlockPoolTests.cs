using Gateway.Core.Memory;

namespace Gateway.UnitTests.Memory;

public sealed class BlockPoolTests
{
    private const long MiB = 1 << 20;

    [Theory]
    [InlineData(0, 4096)]
    [InlineData(1, 4096)]
    [InlineData(4096, 4096)]
    [InlineData(4097, 8192)]
    [InlineData(8192, 8192)]
    [InlineData(100_000, 131_072)]
    public void TryRent_Size_IsRoundedUpToAPowerOfTwo(long bytes, int capacity)
    {
        using BlockPool pool = new(MiB, lockPages: false);

        Assert.True(pool.TryRent(bytes, BlockOwner.Body, out MemoryBlock? block));

        Assert.Equal(capacity, block.Capacity);
        Assert.Equal(capacity, pool.RentedBytes);
        block.Release();
        Assert.Equal((0, capacity), (pool.RentedBytes, pool.TotalBytes));
    }

    [Fact]
    public unsafe void TryRent_Block_IsPageAlignedAndWritable()
    {
        using BlockPool pool = new(MiB);
        Assert.True(pool.TryRent(10_000, BlockOwner.InputSlab, out MemoryBlock? block));

        block.Span.Fill(0xAB);

        Assert.Equal(0u, (nuint)block.Address % (nuint)Environment.SystemPageSize);
        block.Release();
    }

    [Fact]
    public void TryRent_AfterRelease_LendsTheSameBlockAgain()
    {
        using BlockPool pool = new(MiB, lockPages: false);
        Assert.True(pool.TryRent(5000, BlockOwner.Body, out MemoryBlock? first));
        first.Release();

        Assert.True(pool.TryRent(6000, BlockOwner.Body, out MemoryBlock? second));

        Assert.Same(first, second);
        second.Release();
    }

    [Fact]
    public void TryRent_AtTheCeiling_SaysNoUntilSomethingComesBack()
    {
        using BlockPool pool = new(8192, lockPages: false);
        Assert.True(pool.TryRent(4096, BlockOwner.Body, out MemoryBlock? first));
        Assert.True(pool.TryRent(4096, BlockOwner.Body, out MemoryBlock? second));
        Assert.False(pool.TryRent(1, BlockOwner.Body, out _));

        first.Release();

        Assert.True(pool.TryRent(1, BlockOwner.Body, out MemoryBlock? third));
        second.Release();
        third.Release();
    }

    [Fact]
    public void TryRent_FreeBlocksOfOtherSizesInTheWay_GivesThemBack()
    {
        using BlockPool pool = new(16_384, lockPages: false);
        MemoryBlock[] small = [.. Enumerable.Range(0, 4).Select(_ => pool.TryRent(1, BlockOwner.Body, out MemoryBlock? block) ? block : null!)];
        foreach (MemoryBlock block in small) block.Release();

        Assert.True(pool.TryRent(16_384, BlockOwner.Body, out MemoryBlock? large));

        Assert.Equal(16_384, pool.TotalBytes);
        large.Release();
    }

    [Fact]
    public void TryRent_BeyondOneGibibyte_SaysNo()
    {
        using BlockPool pool = new(long.MaxValue, lockPages: false);

        Assert.False(pool.TryRent((1L << 30) + 1, BlockOwner.Body, out _));
        Assert.Equal(0, pool.TotalBytes);
    }

    [Fact]
    public void RentedBlocks_CountsByOwner()
    {
        using BlockPool pool = new(MiB, lockPages: false);
        pool.TryRent(1, BlockOwner.Body, out MemoryBlock? body);
        pool.TryRent(1, BlockOwner.OutputSlab, out MemoryBlock? slab);

        Assert.Equal((1, 1, 0), (pool.RentedBlocks(BlockOwner.Body), pool.RentedBlocks(BlockOwner.OutputSlab), pool.RentedBlocks(BlockOwner.InputSlab)));
        body!.Release();
        Assert.Equal((0, 1), (pool.RentedBlocks(BlockOwner.Body), pool.RentedBlocks(BlockOwner.OutputSlab)));
        slab!.Release();
    }

    [Fact]
    public void Release_SeveralHolders_ComesBackWithTheLast()
    {
        using BlockPool pool = new(MiB, lockPages: false);
        pool.TryRent(1, BlockOwner.Body, out MemoryBlock? block);
        block!.AddReference();

        block.Release();
        Assert.Equal(1, pool.RentedBlocks(BlockOwner.Body));
        block.Release();

        Assert.Equal(0, pool.RentedBlocks(BlockOwner.Body));
        Assert.Throws<InvalidOperationException>(block.Release);
    }

    [Fact]
    public void Dispose_WithALentBlock_FreesItWhenItComesBack()
    {
        BlockPool pool = new(MiB, lockPages: false);
        pool.TryRent(1, BlockOwner.Body, out MemoryBlock? lent);
        pool.Dispose();
        Assert.Equal(4096, pool.TotalBytes);

        lent!.Release();

        Assert.Equal(0, pool.TotalBytes);
    }

    [Fact]
    public async Task TryRent_FromManyThreadsAtTheCeiling_NeverPassesItNorRefusesWhatFits()
    {
        // Each thread holds at most one block of 4 KiB, and there is room for all: none may be told no, though all ask at once.
        const int Threads = 4;
        using BlockPool pool = new(Threads * 4096, lockPages: false);
        Task<int>[] tasks = [.. Enumerable.Range(0, Threads).Select(_ => Task.Run(() =>
        {
            int refused = 0;
            for (int i = 0; i < 20_000; i++)
            {
                if (!pool.TryRent(1, BlockOwner.Body, out MemoryBlock? block) || pool.TotalBytes > pool.CeilingBytes) refused++;
                block?.Release();
            }

            return refused;
        }))];

        Assert.Equal(0, (await Task.WhenAll(tasks)).Sum());
        Assert.Equal(0, pool.RentedBytes);
    }
}
