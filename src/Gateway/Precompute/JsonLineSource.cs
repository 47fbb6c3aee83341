namespace Gateway.Precompute;

/// <summary>A file with a request of the Open Inference Protocol in JSON on each line; empty lines are passed over.</summary>
internal sealed class JsonLineSource(Stream stream) : IRequestSource
{
    // The server refuses what is longer, unless told otherwise.
    private const int MostLineBytes = 64 << 20;

    private byte[] _buffer = new byte[1 << 16];
    private int _start;
    private int _end;
    private bool _isEnd;

    public long Position { get; private set; }

    public long Length { get; } = stream.CanSeek ? stream.Length : 0;

    public bool TryNext(out PreparedRequest request)
    {
        while (TryLine(out ReadOnlySpan<byte> line))
        {
            Position += line.Length + 1;
            line = line.Trim(" \t\r"u8);
            if (line.IsEmpty) continue;
            request = new PreparedRequest(line.ToArray(), HeadLength: null);
            return true;
        }

        request = default;
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
