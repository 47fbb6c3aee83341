namespace Gateway.Load.Carriers;

/// <summary>What a connection has still to send.</summary>
/// <remarks><b>Threading</b>: one thread. <b>Cost</b>: grows to what was waiting at most, then allocates no more.</remarks>
internal sealed class OutputBuffer
{
    private const int FirstBytes = 16 * 1024;

    private byte[] _bytes = GC.AllocateUninitializedArray<byte>(FirstBytes, pinned: true);
    private int _sent;
    private int _end;

    /// <summary>Bytes not sent yet.</summary>
    public ReadOnlySpan<byte> Pending => _bytes.AsSpan(_sent, _end - _sent);

    /// <summary>Likewise, until more is appended.</summary>
    public ReadOnlyMemory<byte> PendingMemory => _bytes.AsMemory(_sent, _end - _sent);

    /// <summary>Room for so many bytes at the end, which are now part of what is pending.</summary>
    public Span<byte> Append(int bytes)
    {
        if (_sent == _end) _sent = _end = 0;
        if (bytes > _bytes.Length - _end) MakeRoom(bytes);
        Span<byte> room = _bytes.AsSpan(_end, bytes);
        _end += bytes;
        return room;
    }

    public void Append(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Append(bytes.Length));

    public void Sent(int bytes) => _sent += bytes;

    public void Clear() => _sent = _end = 0;

    private void MakeRoom(int bytes)
    {
        int pending = _end - _sent;
        byte[] to = pending + bytes <= _bytes.Length ? _bytes : GC.AllocateUninitializedArray<byte>(Math.Max(pending + bytes, 2 * _bytes.Length), pinned: true);
        _bytes.AsSpan(_sent, pending).CopyTo(to);
        _bytes = to;
        _sent = 0;
        _end = pending;
    }
}
