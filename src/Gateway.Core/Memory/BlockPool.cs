using System.Diagnostics.CodeAnalysis;
using System.Numerics;

namespace Gateway.Core.Memory;

/// <summary>Lends page-aligned native memory in power-of-two sizes, within a ceiling.</summary>
/// <remarks>
/// <b>Behaviour</b>: a block comes from the free blocks of its size, else from the operating system while the total (lent and free) stays
/// within <see cref="CeilingBytes"/>; free blocks of other sizes are given back to the system to make room. At the ceiling <see cref="TryRent"/>
/// says no: the caller refuses its request, nobody waits.
/// <b>Threading</b>: any thread. <b>Cost</b>: one short lock of the block's size class; no managed allocation once a size has been used.
/// </remarks>
public sealed class BlockPool : IDisposable
{
    /// <summary>Smallest block: one page holds a light model's tensors, and smaller ones could not be locked by themselves.</summary>
    public const int SmallestBlock = 4096;

    // What a caller gets for what it announces, however full the pool: a small image.
    private const long Trusted = 64 * 1024;

    // The bytes copied again are then a third of a large body.
    private const long Growth = 4;

    // 4 KiB << 18 = 1 GiB, the largest power of two that an Int32 length can hold.
    private const int SizeClasses = 19;

    private readonly FreeList[] _free = new FreeList[SizeClasses];
    private readonly int[] _rentedByOwner = new int[Enum.GetValues<BlockOwner>().Length];
    private long _totalBytes;
    private long _rentedBytes;
    private bool _disposed;

    /// <param name="ceilingBytes">Most bytes held at any time, lent and free together.</param>
    /// <param name="lockPages">Whether to ask for the pages to be locked, where the limits permit.</param>
    public BlockPool(long ceilingBytes, bool lockPages = true)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ceilingBytes, SmallestBlock);
        CeilingBytes = ceilingBytes;
        LockPages = lockPages;
        for (int i = 0; i < SizeClasses; i++) _free[i] = new FreeList();
    }

    public long CeilingBytes { get; }

    /// <summary>Bytes taken from the operating system: lent and free.</summary>
    public long TotalBytes => Volatile.Read(ref _totalBytes);

    /// <summary>Bytes lent out.</summary>
    public long RentedBytes => Volatile.Read(ref _rentedBytes);

    internal bool LockPages { get; }

    /// <summary>Blocks lent out for one purpose; 0 for all purposes when nothing is under way, or there is a leak.</summary>
    public int RentedBlocks(BlockOwner owner) => Volatile.Read(ref _rentedByOwner[(int)owner]);

    /// <summary>Lends a block of at least <paramref name="bytes"/>; the caller must release it.</summary>
    /// <returns>False when the ceiling would be passed or the size is beyond 1 GiB.</returns>
    public bool TryRent(long bytes, BlockOwner owner, [NotNullWhen(true)] out MemoryBlock? block)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        block = null;
        if (bytes > (long)SmallestBlock << (SizeClasses - 1)) return false;

        int sizeClass = SizeClassOf(bytes);
        block = _free[sizeClass].TryTake() ?? TryAllocateSlow(sizeClass);
        if (block is null) return false;

        Interlocked.Add(ref _rentedBytes, block.Capacity);
        Interlocked.Increment(ref _rentedByOwner[(int)owner]);
        block.Lend(owner);
        return true;
    }

    /// <summary>Bytes that a block for so many has: a power of two.</summary>
    /// <param name="bytes">Up to 1 GiB.</param>
    public static int CapacityFor(int bytes) => SmallestBlock << SizeClassOf(bytes);

    /// <summary>How much to rent for bytes of which some have arrived and some are announced.</summary>
    /// <remarks>
    /// A client that announces 64 MiB and sends nothing would hold them for nothing, and a handful of such clients everybody's memory. So announcements are
    /// believed only while they leave half of the pool to the others (give or take a body for each reader that looks at the same time). After that a body gets what it announces up to <see cref="Trusted"/>, and beyond that a
    /// multiple of what it has sent; the price is that a large body's first bytes are copied once more (0.7 times its size, bench/results, copies).
    /// </remarks>
    /// <param name="trusted">What any caller gets, however full the pool; less where one client can announce a thousand bodies at once.</param>
    public long Afford(long arrived, long total, long trusted = Trusted) =>
        RentedBytes + (long)BitOperations.RoundUpToPowerOf2((ulong)total) <= CeilingBytes / 2 ? total : Math.Min(total, Math.Max(trusted, Growth * arrived));

    internal void Return(MemoryBlock block)
    {
        Interlocked.Add(ref _rentedBytes, -block.Capacity);
        Interlocked.Decrement(ref _rentedByOwner[(int)block.Owner]);
        _free[block.SizeClass].Put(block);

        // Looked at after the block is in the list, so that whichever comes second, this or Dispose, frees it.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _disposed)) FreeAll();
    }

    /// <summary>Frees what is not lent; lent blocks are freed when they come back.</summary>
    public void Dispose()
    {
        Volatile.Write(ref _disposed, true);
        Interlocked.MemoryBarrier();
        FreeAll();
    }

    private void FreeAll()
    {
        foreach (FreeList list in _free)
        {
            while (list.TryTake() is { } block) Free(block);
        }
    }

    private static int SizeClassOf(long bytes) => bytes <= SmallestBlock ? 0 : BitOperations.Log2((uint)(bytes - 1)) + 1 - BitOperations.Log2(SmallestBlock);

    private MemoryBlock? TryAllocateSlow(int sizeClass)
    {
        int bytes = SmallestBlock << sizeClass;
        while (true)
        {
            // Never added beyond the ceiling, not even to be taken back: meanwhile another thread would be told no for room that there is.
            long total = Volatile.Read(ref _totalBytes);
            if (total + bytes > CeilingBytes)
            {
                if (!FreeOne()) return null;
            }
            else if (Interlocked.CompareExchange(ref _totalBytes, total + bytes, total) == total)
            {
                break;
            }
        }

        try
        {
            return new MemoryBlock(this, bytes, sizeClass);
        }
        catch (OutOfMemoryException)
        {
            // The machine has less than the ceiling allows: to the caller it is the same.
            Interlocked.Add(ref _totalBytes, -bytes);
            return null;
        }
    }

    /// <summary>Gives the largest free block back to the operating system.</summary>
    private bool FreeOne()
    {
        for (int i = SizeClasses - 1; i >= 0; i--)
        {
            if (_free[i].TryTake() is not { } block) continue;
            Free(block);
            return true;
        }

        return false;
    }

    private void Free(MemoryBlock block)
    {
        block.Free();
        Interlocked.Add(ref _totalBytes, -block.Capacity);
    }

    /// <summary>Free blocks of one size, the last returned lent first: its pages are the likeliest to be in the cache.</summary>
    private sealed class FreeList
    {
        private readonly Lock _lock = new();
        private readonly Stack<MemoryBlock> _blocks = new();

        public MemoryBlock? TryTake()
        {
            lock (_lock) return _blocks.TryPop(out MemoryBlock? block) ? block : null;
        }

        public void Put(MemoryBlock block)
        {
            lock (_lock) _blocks.Push(block);
        }
    }
}
