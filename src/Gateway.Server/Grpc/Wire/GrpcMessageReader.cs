using System.Buffers;
using Gateway.Core.Memory;
using Gateway.Server.MessagePack;
using Gateway.Server.OpenInference;

namespace Gateway.Server.Grpc.Wire;

/// <summary>Takes messages off a call's body; used again for the next.</summary>
/// <remarks>
/// <b>Behaviour</b>: a message that lies in one piece is read where it lies; any other is gathered in a block of the pool, so placed that its first tensor is aligned, and
/// may stay there. A compressed one is gathered and decompressed into another block. <b>Threading</b>: one call at a time. <b>Ownership</b>: holds the blocks until
/// <see cref="Release"/>; whoever keeps <see cref="Block"/> adds a reference. <b>Cost</b>: no allocation, unless compressed.
/// </remarks>
/// <param name="share">What the connection's calls hold together of messages that have not arrived whole; null for any amount.</param>
internal sealed class GrpcMessageReader(BlockPool pool, GatherShare? share = null)
{
    private readonly MessageBlock _gathered = new(pool, share);
    private MessageBlock? _decompressed;
    private bool _isCompressed;
    private bool _hasPrefix;
    private bool _hasPart;

    // A part of a prefix that came alone.
    private readonly byte[] _prefix = new byte[MessagePrefix.Bytes];
    private int _prefixBytes;

    /// <summary>Most bytes of a message, compressed and decompressed alike.</summary>
    public long Most { get; set; }

    /// <summary>How messages may be compressed.</summary>
    public ContentCoding Coding { get; set; }

    /// <summary>Bytes of the message that is being read; 0 between two.</summary>
    public long Length { get; private set; }

    /// <summary>Whether a message has begun that is not whole.</summary>
    public bool IsMidMessage => _hasPrefix;

    /// <summary>Whether anything has come of the next message, be it a part of its prefix.</summary>
    public bool HasBegun => _hasPrefix || _hasPart;

    /// <summary>Bytes that have come of the message that is being read, and are gathered.</summary>
    public long Received => _gathered.Block is null ? 0 : _gathered.Bytes;

    /// <summary>Counts the call's messages; 0 before the first.</summary>
    public int Number { get; private set; }

    /// <summary>Holds the message that was read, if its tensors may stay there; else null.</summary>
    public MemoryBlock? Block { get; private set; }

    /// <summary>Where in <see cref="Block"/> the message begins.</summary>
    public int Start => _gathered.Start;

    /// <summary>Takes a message if it is whole.</summary>
    /// <param name="buffer">What has arrived; what is taken is cut off.</param>
    /// <param name="message">Stays readable until <see cref="Release"/>, or until the buffer is given back.</param>
    /// <param name="firstTensor">Finds where in a message its first tensor will begin; null when it has none.</param>
    /// <exception cref="GrpcException">It is none, or too large.</exception>
    /// <exception cref="Protocol.InferenceException">The pool has no memory.</exception>
    public bool TryRead(ref ReadOnlySequence<byte> buffer, out ReadOnlySpan<byte> message, Func<ReadOnlySpan<byte>, int>? firstTensor)
    {
        message = default;
        if (!_hasPrefix && !TryTakePrefix(ref buffer)) return false;
        if (_gathered.Block is null && !_isCompressed && buffer.FirstSpan.Length >= Length)
        {
            message = buffer.FirstSpan[..(int)Length];
            buffer = buffer.Slice(Length);
            Block = null;
            _hasPrefix = false;
            return true;
        }

        if (_gathered.Block is null)
        {
            // Nothing but the prefix: where the tensor will be can be told from what follows.
            if (buffer.IsEmpty && Length > 0) return false;
            _gathered.Begin(Length, firstTensor?.Invoke(buffer.FirstSpan[..(int)Math.Min(buffer.FirstSpan.Length, Length)]) ?? 0);
        }

        _gathered.Take(ref buffer);
        if (!_gathered.IsWhole) return false;
        _hasPrefix = false;
        message = _gathered.Message;
        Block = _gathered.Block;
        if (!_isCompressed) return true;
        _decompressed ??= new MessageBlock(pool);
        MessageCoding.Decompress(Coding, _gathered, _decompressed, Most);
        message = _decompressed.Message;
        Block = null;
        return true;
    }

    /// <summary>Likewise, from what comes once and is not kept: all of it is taken, as far as the message goes.</summary>
    public bool TryTake(ref ReadOnlySequence<byte> data, out ReadOnlySpan<byte> message, Func<ReadOnlySpan<byte>, int>? firstTensor)
    {
        if (!_hasPrefix && (_prefixBytes > 0 || data.Length < MessagePrefix.Bytes))
        {
            int part = (int)Math.Min(MessagePrefix.Bytes - _prefixBytes, data.Length);
            data.Slice(0, part).CopyTo(_prefix.AsSpan(_prefixBytes));
            data = data.Slice(part);
            _prefixBytes += part;
            _hasPart = _prefixBytes > 0;
            message = default;
            if (_prefixBytes < MessagePrefix.Bytes) return false;
            _prefixBytes = 0;
            ReadOnlySequence<byte> prefix = new(_prefix);
            TryTakePrefix(ref prefix);
        }

        return TryRead(ref data, out message, firstTensor);
    }

    /// <summary>The message that was read is not needed any more.</summary>
    public void Release()
    {
        _gathered.Clear();
        _decompressed?.Clear();
        Block = null;
        Length = 0;
    }

    /// <summary>Makes it as new.</summary>
    public void Clear()
    {
        Release();
        _hasPrefix = _hasPart = false;
        Number = _prefixBytes = 0;
        Coding = ContentCoding.Identity;
    }

    public static GrpcException TooLarge(long bytes, long most) => new(GrpcStatus.ResourceExhausted, $"Received message larger than max ({bytes} vs. {most})");

    private bool TryTakePrefix(ref ReadOnlySequence<byte> buffer)
    {
        _hasPart = !MessagePrefix.TryRead(buffer, out byte flag, out uint length) && !buffer.IsEmpty;
        if (buffer.Length < MessagePrefix.Bytes) return false;
        if (flag > 1) throw new GrpcException(GrpcStatus.Internal, $"The compression flag of a message is {flag}; it is 0 or 1");
        if (flag == 1 && Coding == ContentCoding.Identity) throw new GrpcException(GrpcStatus.Internal, "A message is compressed, but grpc-encoding names no compression");
        if (length > Most) throw TooLarge(length, Most);
        _isCompressed = flag == 1;
        _hasPrefix = true;
        Number++;
        Length = length;
        buffer = buffer.Slice(MessagePrefix.Bytes);
        return true;
    }
}
