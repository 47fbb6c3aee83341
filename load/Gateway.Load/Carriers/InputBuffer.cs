namespace Gateway.Load.Carriers;

/// <summary>What a connection has received and nobody has taken yet.</summary>
/// <remarks><b>Threading</b>: one thread. <b>Cost</b>: grows to the longest message, then allocates no more.</remarks>
internal sealed class InputBuffer
{
    private const int FirstBytes = 64 * 1024;

    // A server that sends more in one answer is not one to be measured with this.
    private const int MostBytes = 512 * 1024 * 1024;

    private byte[] _bytes = GC.AllocateUninitializedArray<byte>(FirstBytes, pinned: true);
    private int _start;
    private int _end;

    public Span<byte> Unread => _bytes.AsSpan(_start, _end - _start);

    /// <summary>Where the next bytes go.</summary>
    /// <param name="wanted">Bytes that the message under way takes, as far as is known.</param>
    /// <exception cref="InvalidDataException">A message is longer than is taken.</exception>
    public Span<byte> Room(int wanted)
    {
        if (_start == _end) _start = _end = 0;
        int unread = _end - _start;
        if (_end == _bytes.Length || wanted > _bytes.Length - _start)
        {
            int size = Math.Max(wanted, unread == _bytes.Length ? 2 * unread : 0);
            if (size > MostBytes || size < 0) throw new InvalidDataException($"an answer of more than {MostBytes} bytes");
            byte[] to = size > _bytes.Length ? GC.AllocateUninitializedArray<byte>(size, pinned: true) : _bytes;
            Unread.CopyTo(to);
            _bytes = to;
            _start = 0;
            _end = unread;
        }

        return _bytes.AsSpan(_end);
    }

    public void Received(int bytes) => _end += bytes;

    public void Taken(int bytes) => _start += bytes;

    public void Clear() => _start = _end = 0;
}
