using System.Buffers;
using Gateway.Protocol.Http2;

namespace Gateway.Server.Grpc.Http2;

/// <summary>A block of header fields that comes in several frames, HEADERS and its CONTINUATIONs.</summary>
/// <remarks><b>Threading</b>: the reader's.</remarks>
internal sealed class HeaderBlock
{
    private const int MostBytes = RequestFields.MostListBytes;

    // Empty ones count too.
    private const int MostFrames = 64;

    private byte[] _bytes = [];
    private int _length;
    private int _frames;

    /// <summary>Whose block is not whole yet; 0 for none's.</summary>
    public int Stream { get; private set; }

    /// <summary>Whether nothing follows it on its stream.</summary>
    public bool EndsStream { get; private set; }

    /// <summary>The block, once it is whole.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _length);

    public void Begin(int stream, bool endsStream)
    {
        (Stream, EndsStream) = (stream, endsStream);
        _length = _frames = 0;
    }

    /// <returns>Whether it is whole.</returns>
    /// <exception cref="Http2Exception">It is larger, or in more frames, than is taken.</exception>
    public bool Add(in ReadOnlySequence<byte> payload, bool isEnd)
    {
        int needed = _length + (int)payload.Length;
        if (needed > MostBytes || ++_frames > MostFrames) throw new Http2Exception(ErrorCodes.EnhanceYourCalm, $"headers of more than {MostBytes} bytes or {MostFrames} frames");
        if (needed > _bytes.Length) Array.Resize(ref _bytes, Math.Max(needed, 1024));
        payload.CopyTo(_bytes.AsSpan(_length));
        _length = needed;
        if (isEnd) Stream = 0;
        return isEnd;
    }
}
