namespace Gateway.Files;

/// <summary>A file's lines, one after the other, without what ends them.</summary>
/// <remarks><b>Ownership</b>: owns the stream. <b>Cost</b>: reads ahead; a line is valid until the next.</remarks>
internal sealed class LineReader(Stream stream) : IDisposable
{
    // The server refuses what is longer, unless told otherwise.
    private const int MostLineBytes = 64 << 20;

    private byte[] _buffer = new byte[1 << 16];
    private int _start;
    private int _end;
    private bool _isEnd;

    /// <summary>Bytes of the lines so far.</summary>
    public long Position { get; private set; }

    /// <summary>Lines so far.</summary>
    public long Number { get; private set; }

    public long Length { get; } = stream.CanSeek ? stream.Length : 0;

    /// <summary>Takes the next line that has anything but white space on it, without that at its ends.</summary>
    /// <exception cref="InvalidDataException">It is too long.</exception>
    public bool TryNext(out ReadOnlySpan<byte> line)
    {
        while (TryLine(out line))
        {
            Position += line.Length + 1;
            Number++;
            line = line.Trim(" \t\r"u8);
            if (!line.IsEmpty) return true;
        }

        return false;
    }

    public void Dispose() => stream.Dispose();

    private bool TryLine(out ReadOnlySpan<byte> line)
    {
        int looked = 0;
        while (true)
        {
            int length = _buffer.AsSpan(_start + looked, _end - _start - looked).IndexOf((byte)'\n');
            if (length >= 0 || _isEnd)
            {
                length = length >= 0 ? looked + length : _end - _start;
                line = _buffer.AsSpan(_start, length);
                bool isLine = _start < _end;
                _start = Math.Min(_end, _start + length + 1);
                return isLine;
            }

            looked = _end - _start;
            Fill();
        }
    }

    private void Fill()
    {
        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        (_start, _end) = (0, _end - _start);
        if (_end == _buffer.Length)
        {
            if (_buffer.Length >= MostLineBytes) throw new InvalidDataException($"a line has more than {MostLineBytes} bytes");
            Array.Resize(ref _buffer, 2 * _buffer.Length);
        }

        int read = stream.Read(_buffer, _end, _buffer.Length - _end);
        _end += read;
        _isEnd = read == 0;
    }
}
