using System.Runtime.InteropServices;

namespace Gateway.Core.Memory;

/// <summary>Page-aligned native memory on loan from a <see cref="BlockPool"/>.</summary>
/// <remarks>
/// <b>Ownership</b>: whoever rents it holds one reference; <see cref="AddReference"/> gives another holder one; the last
/// <see cref="Release"/> returns it to its pool. Using a block after the last release is an error that tests catch by the pool's own count.
/// <b>Threading</b>: references may be counted from any thread; the bytes are not synchronised.
/// </remarks>
public sealed unsafe class MemoryBlock
{
    private readonly BlockPool _pool;
    private byte* _address;
    private int _references;

    internal MemoryBlock(BlockPool pool, int capacity, int sizeClass)
    {
        _pool = pool;
        Capacity = capacity;
        SizeClass = sizeClass;
        _address = (byte*)NativeMemory.AlignedAlloc((nuint)capacity, PageLock.PageSize);
        IsPageLocked = pool.LockPages && PageLock.TryLock(_address, capacity);
    }

    /// <summary>Bytes that may be used, at least as many as were asked for.</summary>
    public int Capacity { get; }

    /// <summary>Whether the pages are locked in memory (the limit on locked memory may not have allowed it).</summary>
    public bool IsPageLocked { get; }

    /// <summary>Address of the first byte, aligned to a page.</summary>
    public byte* Address => _address;

    /// <summary>All <see cref="Capacity"/> bytes; their content is what the last holder left.</summary>
    public Span<byte> Span => new(_address, Capacity);

    internal int SizeClass { get; }

    internal BlockOwner Owner { get; private set; }

    /// <summary>Gives the block one more holder, who must <see cref="Release"/> it too.</summary>
    public void AddReference() => Interlocked.Increment(ref _references);

    /// <summary>Gives one reference back; the last one returns the block to its pool.</summary>
    public void Release()
    {
        int left = Interlocked.Decrement(ref _references);
        if (left == 0) _pool.Return(this);
        else if (left < 0) throw new InvalidOperationException($"A memory block of {Owner} was released more often than it was held.");
    }

    internal void Lend(BlockOwner owner)
    {
        Owner = owner;
        _references = 1;
    }

    internal void Free()
    {
        if (_address == null) return;
        if (IsPageLocked) PageLock.Unlock(_address, Capacity);
        NativeMemory.AlignedFree(_address);
        _address = null;
    }
}
