using System.Buffers;
using Gateway.Client.Calls;
using Gateway.Client.Messages;
using Gateway.Protocol.Frames;

namespace Gateway.Client.Frames;

/// <summary>Reads frames from a stream: many with one read when they are small, straight into a buffer of their own when they are large.</summary>
/// <remarks><b>Threading</b>: one reader. <b>Cost</b>: no allocation while answers come.</remarks>
internal sealed class FrameReceiver(Stream stream, int maxFrameBytes) : IDisposable
{
    // A hundred small answers a read.
    private const int BufferBytes = 32 * 1024;

    // The pool's buffers are powers of two.
    private const int LargestKept = 2 * BufferBytes;

    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
    private int _start;
    private int _end;

    /// <summary>Bytes that have arrived of the frame that <see cref="TryTake"/> did not find whole.</summary>
    public int Partial => _end - _start;

    /// <summary>Takes the next frame if it is there.</summary>
    /// <param name="message">Good until the next call.</param>
    public bool TryTake(out ReadOnlySpan<byte> message)
    {
        message = default;
        int arrived = _end - _start;
        if (arrived < Frame.LengthBytes) return false;
        int length = LengthAt(_start);
        if (arrived - Frame.LengthBytes < length) return false;
        message = _buffer.AsSpan(_start + Frame.LengthBytes, length);
        _start += Frame.LengthBytes + length;
        return true;
    }

    /// <summary>Waits for more, after <see cref="TryTake"/> found no frame.</summary>
    /// <returns>False when the server has ended the connection.</returns>
    /// <exception cref="EndOfStreamException">It has, in the middle of a frame.</exception>
    public async ValueTask<bool> ReceiveAsync(CancellationToken cancellation)
    {
        MakeRoom();
        int received = await stream.ReadAsync(Room(), cancellation).ConfigureAwait(false);
        if (received == 0) return _start == _end ? false : throw new EndOfStreamException("The connection ended in the middle of a message.");
        _end += received;
        return true;
    }

    /// <summary>The end of the message that was just taken, in a buffer that is the caller's.</summary>
    public Answer TakeBody(MessageKind kind, int length)
    {
        if (_buffer.Length > LargestKept && _start == _end)
        {
            Answer whole = new(kind, _buffer, _end - length, length);
            _buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
            _start = 0;
            _end = 0;
            return whole;
        }

        byte[] copy = ArrayPool<byte>.Shared.Rent(length);
        _buffer.AsSpan(_start - length, length).CopyTo(copy);
        return new Answer(kind, copy, 0, length);
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
        _start = 0;
        _end = 0;
    }

    private void MakeRoom()
    {
        int arrived = _end - _start;
        long wanted = arrived < Frame.LengthBytes ? Frame.LengthBytes : Frame.LengthBytes + (long)LengthAt(_start);
        if (arrived == 0)
        {
            _start = 0;
            _end = 0;
        }

        if (wanted <= _buffer.Length - _start && _buffer.Length - _end > 0) return;
        if (wanted <= _buffer.Length)
        {
            _buffer.AsSpan(_start, arrived).CopyTo(_buffer);
        }
        else
        {
            // No more than twice of what has arrived: a length alone costs a liar nothing.
            byte[] larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(wanted, Math.Max(2L * arrived, BufferBytes * 2)));
            _buffer.AsSpan(_start, arrived).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }

        _start = 0;
        _end = arrived;
    }

    /// <summary>Where to receive: of a large frame only to its end, so that its buffer can be given away.</summary>
    private Memory<byte> Room()
    {
        int arrived = _end - _start;
        if (_buffer.Length <= LargestKept || arrived < Frame.LengthBytes) return _buffer.AsMemory(_end);
        int missing = Frame.LengthBytes + LengthAt(_start) - arrived;
        return _buffer.AsMemory(_end, Math.Min(missing, _buffer.Length - _end));
    }

    private int LengthAt(int position)
    {
        uint length = Frame.ReadLength(_buffer.AsSpan(position));
        return length <= maxFrameBytes ? (int)length : throw AnswerReader.Malformed($"a frame of {length} bytes, where at most {maxFrameBytes} are taken");
    }
}
