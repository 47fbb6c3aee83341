using System.Buffers;
using Gateway.Core.Memory;
using Gateway.Protocol;
using Gateway.Server.Grpc.Wire;

namespace Gateway.Server.MessagePack;

/// <summary>Gathers a message that does not lie in one piece, in a block of the pool; used again for the next.</summary>
/// <remarks>
/// <b>Behaviour</b>: the message is so placed that its first tensor begins on a cache line, since the request keeps the block and its tensors stay where they are. An
/// announced length is believed as far as the pool has room (<see cref="BlockPool.Afford"/>). <b>Threading</b>: one thread. <b>Ownership</b>: holds one reference to the
/// block until cleared.
/// </remarks>
/// <param name="share">What the messages of one connection hold together; null where a connection has one at a time.</param>
internal sealed class MessageBlock(BlockPool pool, GatherShare? share = null)
{
    private long _held;

    /// <summary>The block; null while nothing is gathered.</summary>
    public MemoryBlock? Block { get; private set; }

    /// <summary>Where in the block the message begins.</summary>
    public int Start { get; private set; }

    /// <summary>Bytes of the whole message; -1 when not known.</summary>
    public long Length { get; private set; }

    /// <summary>Bytes gathered.</summary>
    public int Bytes { get; private set; }

    /// <summary>Whether all that was announced is there.</summary>
    public bool IsWhole => Bytes == Length;

    public ReadOnlySpan<byte> Message => Block is null ? default : Block.Span.Slice(Start, Bytes);

    /// <summary>Begins a message.</summary>
    /// <param name="length">Bytes of the whole message; -1 when not known.</param>
    /// <param name="tensor">Where in it the first tensor will begin, as far as that can be told.</param>
    public void Begin(long length, int tensor)
    {
        Length = length;
        Bytes = 0;
        Start = -tensor & (InferMessage.TensorAlignment - 1);
    }

    /// <summary>Takes what is wanted off <paramref name="buffer"/>.</summary>
    /// <exception cref="InferenceException">The pool has no memory.</exception>
    public void Take(ref ReadOnlySequence<byte> buffer)
    {
        int part = (int)(Length < 0 ? buffer.Length : Math.Min(buffer.Length, Length - Bytes));
        MakeRoom(Bytes + (long)part);
        buffer.Slice(0, part).CopyTo(Block!.Span[(Start + Bytes)..]);
        Bytes += part;
        buffer = buffer.Slice(part);
    }

    public void Clear()
    {
        Block?.Release();
        Block = null;
        share?.GiveBack(_held);
        _held = 0;
    }

    private void MakeRoom(long arrived)
    {
        long needed = Start + arrived;
        if (Block is { } block && block.Capacity >= needed) return;

        // A known length is rented as it arrives; an unknown one grows by doubling, so that each byte is moved once more on average.
        long wanted = Length < 0 ? Math.Max(needed, 2L * (Block?.Capacity ?? 0)) : share is null ? pool.Afford(needed, Start + Length) : pool.Afford(needed, Start + Length, BlockPool.SmallestBlock);
        wanted = Math.Max(wanted, needed);
        if (share is not null)
        {
            if (!share.TryGrow(_held, wanted)) throw InferMessage.NoMemory();
            _held = wanted;
        }

        if (!pool.TryRent(wanted, BlockOwner.RequestTensors, out MemoryBlock? larger)) throw InferMessage.NoMemory();
        Message.CopyTo(larger.Span[Start..]);
        Block?.Release();
        Block = larger;
    }
}
