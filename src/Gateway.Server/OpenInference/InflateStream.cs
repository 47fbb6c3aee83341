using System.IO.Compression;

namespace Gateway.Server.OpenInference;

/// <summary>Decompresses gzip or zlib, and takes nothing that is cut short or goes on after its end, which the framework's streams let pass.</summary>
/// <remarks>
/// <b>Behaviour</b>: checksums are the framework's to check, once it sees them; whether it has got so far shows in what it asks for. zlib's reader asks for no more after its
/// end, and for more before it. gzip's asks in both cases, since another member may follow; one is put after the end, and comes out as it was if there was an end before it.
/// <b>Ownership</b>: of the source.
/// </remarks>
internal sealed class InflateStream : Stream
{
    private const byte Mark = (byte)'Z';

    // "Z", compressed: the last member of every gzip stream.
    private static readonly byte[] MarkMember =
        [0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xFF, 0x8B, 0x02, 0x00, 0x67, 0x57, 0xBC, 0x59, 0x01, 0x00, 0x00, 0x00];

    private readonly InflateSource _source;
    private readonly Stream _inflated;
    private readonly bool _isGzip;
    private bool _isOver;

    public InflateStream(Stream compressed, bool isGzip)
    {
        _isGzip = isGzip;
        _source = new InflateSource(compressed);
        _inflated = isGzip ? new GZipStream(_source, CompressionMode.Decompress) : new ZLibStream(_source, CompressionMode.Decompress);
    }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <exception cref="InvalidDataException">It is damaged, cut short, or goes on after its end.</exception>
    public override int Read(Span<byte> buffer)
    {
        if (_isOver || buffer.IsEmpty) return 0;
        int count = _inflated.Read(buffer);
        if (count == 0) CheckEnd();
        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc cref="Read(Span{byte})"/>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_isOver || buffer.IsEmpty) return 0;
        int count = await _inflated.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
        if (count == 0) CheckEnd();
        return count;
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) _inflated.Dispose();
        base.Dispose(disposing);
    }

    private void CheckEnd()
    {
        // What the framework's own streams make of nothing.
        bool isWhole = _source.IsEmpty || (_source.IsUsedUp && (_isGzip ? IsMarkSeen() : !_source.HasAskedForMore));
        if (!isWhole) throw new InvalidDataException("the compressed data are cut short, or go on after their end");
        _isOver = true;
    }

    private bool IsMarkSeen()
    {
        // Nothing waits here: the source has its bytes.
        _source.Append(MarkMember);
        Span<byte> rest = stackalloc byte[MarkMember.Length + 1];
        int count = _inflated.ReadAtLeast(rest, rest.Length, throwOnEndOfStream: false);
        return count == 1 && rest[0] == Mark;
    }
}
