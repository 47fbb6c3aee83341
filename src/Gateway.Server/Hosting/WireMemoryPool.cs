using System.Buffers;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;

namespace Gateway.Server.Hosting;

/// <summary>Lends Kestrel the memory that bytes go through between socket and protocol.</summary>
/// <remarks>
/// <b>Behaviour</b>: blocks are four times as large as those of Kestrel's own pool, so that a request with a small image is received by one system call, mostly
/// lies in one piece, and a large one takes a quarter of the calls. The block returned last is lent first: its bytes are likely to be in the cache still, where
/// Kestrel's pool goes through all of its blocks in turn. What is returned beyond <see cref="MostKept"/> is left to the garbage collector.
/// <b>Threading</b>: any. <b>Ownership</b>: a block is its renter's until disposed, once. <b>Cost</b>: one short lock; an allocation only beyond the
/// most that was ever lent at once. A block disposed twice is returned once.
/// </remarks>
internal sealed class WireMemoryPool : MemoryPool<byte>, IMemoryPoolFactory<byte>
{
    /// <summary>Bytes of a block.</summary>
    public const int BlockBytes = 16 * 1024;

    /// <summary>Free blocks that are kept: 64 MiB.</summary>
    public const int MostKept = 4096;

    private readonly Lock _lock = new();
    private readonly Stack<Block> _free = new();

    public override int MaxBufferSize => BlockBytes;

    /// <summary>Gives all of Kestrel's transports and queues this same pool, so that what is kept is bounded once.</summary>
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => this;

    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockBytes);
        lock (_lock)
        {
            if (_free.TryPop(out Block? block))
            {
                block.IsLent = true;
                return block;
            }
        }

        return new Block(this) { IsLent = true };
    }

    protected override void Dispose(bool disposing)
    {
        lock (_lock) _free.Clear();
    }

    private void Return(Block block)
    {
        lock (_lock)
        {
            if (!block.IsLent) return;
            block.IsLent = false;
            if (_free.Count < MostKept) _free.Push(block);
        }
    }

    private sealed class Block(WireMemoryPool pool) : IMemoryOwner<byte>
    {
        /// <summary>Under the pool's lock.</summary>
        public bool IsLent { get; set; }

        // Pinned for good: sockets would pin it for every call.
        public Memory<byte> Memory { get; } = MemoryMarshal.CreateFromPinnedArray(GC.AllocateUninitializedArray<byte>(BlockBytes, pinned: true), 0, BlockBytes);

        public void Dispose() => pool.Return(this);
    }
}
