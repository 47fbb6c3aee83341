namespace Gateway.Server.OpenInference;

/// <summary>What is to be decompressed, its last byte by itself, so that it can be told whether the reader was at its end before that; more may be put after it.</summary>
internal sealed class InflateSource(Stream compressed) : Stream
{
    private ReadOnlyMemory<byte> _appended;
    private byte _last;
    private bool _hasLast;
    private bool _isAtEnd;

    /// <summary>Whether there was something, and all of it has been taken.</summary>
    public bool IsUsedUp { get; private set; }

    /// <summary>Whether there was nothing.</summary>
    public bool IsEmpty => _isAtEnd && !_hasLast && !IsUsedUp;

    /// <summary>Whether more was asked for than there is.</summary>
    public bool HasAskedForMore { get; private set; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Puts something after the end.</summary>
    public void Append(ReadOnlyMemory<byte> bytes) => _appended = bytes;

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <param name="buffer">Of two bytes at least.</param>
    public override int Read(Span<byte> buffer)
    {
        while (!_isAtEnd)
        {
            int kept = Place(buffer);
            if (Keep(buffer, kept, compressed.Read(buffer[kept..])) is var count and > 0) return count;
        }

        return ReadEnd(buffer);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc cref="Read(Span{byte})"/>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (!_isAtEnd)
        {
            int kept = Place(buffer.Span);
            int read = await compressed.ReadAsync(buffer[kept..], cancellationToken).ConfigureAwait(false);
            if (Keep(buffer.Span, kept, read) is var count and > 0) return count;
        }

        return ReadEnd(buffer.Span);
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) compressed.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>Puts the byte that was kept before what is to be read.</summary>
    private int Place(Span<byte> buffer)
    {
        if (!_hasLast) return 0;
        buffer[0] = _last;
        return 1;
    }

    /// <summary>Keeps the last byte that was read.</summary>
    /// <returns>How many bytes may go.</returns>
    private int Keep(Span<byte> buffer, int kept, int read)
    {
        if (read == 0)
        {
            _isAtEnd = true;
            return 0;
        }

        _last = buffer[kept + read - 1];
        _hasLast = true;
        return kept + read - 1;
    }

    private int ReadEnd(Span<byte> buffer)
    {
        if (_hasLast)
        {
            buffer[0] = _last;
            _hasLast = false;
            IsUsedUp = true;
            return 1;
        }

        if (_appended.IsEmpty)
        {
            HasAskedForMore = true;
            return 0;
        }

        int count = Math.Min(buffer.Length, _appended.Length);
        _appended.Span[..count].CopyTo(buffer);
        _appended = _appended[count..];
        return count;
    }
}
