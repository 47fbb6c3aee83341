using System.Buffers;

namespace Gateway.Client.Frames;

/// <summary>Frames that wait to be sent, one after the other in few buffers.</summary>
/// <remarks><b>Threading</b>: its connection's lock. <b>Ownership</b>: a taken segment's buffer is the taker's to give back. <b>Cost</b>: no allocation; a frame larger than a segment gets one of its own.</remarks>
internal sealed class OutputQueue
{
    // As much as is worth a write: about what a socket takes at once.
    private const int SegmentBytes = 64 * 1024;

    private readonly Queue<Segment> _full = new();
    private byte[]? _filling;
    private int _filled;

    /// <summary>Bytes written so far: where in the stream the next frame will begin.</summary>
    public long Written { get; private set; }

    /// <summary>Bytes of the stream that were taken to be sent. What begins before may have reached the server.</summary>
    public long Taken { get; private set; }

    public long Waiting => Written - Taken;

    /// <summary>Room for a frame; nothing is written until <see cref="Commit"/>.</summary>
    public Span<byte> Reserve(int bytes)
    {
        if (_filling is not null && _filling.Length - _filled < bytes) CloseSegment();
        _filling ??= ArrayPool<byte>.Shared.Rent(Math.Max(bytes, SegmentBytes));
        return _filling.AsSpan(_filled, bytes);
    }

    public void Commit(int bytes)
    {
        _filled += bytes;
        Written += bytes;
    }

    public bool TryTake(out Segment segment)
    {
        if (_full.Count == 0 && _filled > 0) CloseSegment();
        if (!_full.TryDequeue(out segment)) return false;
        Taken += segment.Length;
        return true;
    }

    /// <summary>Throws away what was not taken.</summary>
    public void Clear()
    {
        while (_full.TryDequeue(out Segment segment)) ArrayPool<byte>.Shared.Return(segment.Buffer);
        if (_filling is not null) ArrayPool<byte>.Shared.Return(_filling);
        _filling = null;
        _filled = 0;
    }

    private void CloseSegment()
    {
        if (_filled > 0) _full.Enqueue(new Segment(_filling!, _filled));
        else if (_filling is not null) ArrayPool<byte>.Shared.Return(_filling);
        _filling = null;
        _filled = 0;
    }
}
