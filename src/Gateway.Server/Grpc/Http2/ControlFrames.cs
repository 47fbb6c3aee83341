using System.Buffers;
using System.Buffers.Binary;
using Gateway.Protocol.Http2;

namespace Gateway.Server.Grpc.Http2;

/// <summary>Frames of the connection itself that are to be sent before all others: acknowledgements, windows, resets.</summary>
/// <remarks><b>Behaviour</b>: a client that asks for more than <see cref="MostBytes"/> of them without reading any is one to be given up. <b>Threading</b>: any.</remarks>
internal sealed class ControlFrames
{
    private const int MostBytes = 64 * 1024;
    private const int PayloadBytes = sizeof(uint);

    private readonly Lock _lock = new();
    private byte[] _bytes = new byte[256];
    private volatile int _length;

    public bool IsEmpty => _length == 0;

    /// <summary>Whether there are more than any client that reads has waiting.</summary>
    public bool IsFlooded => _length > MostBytes;

    public void WindowUpdate(int stream, int bytes) => Add(FrameType.WindowUpdate, stream, (uint)bytes);

    public void Reset(int stream, uint code) => Add(FrameType.ResetStream, stream, code);

    public void GoAway(int lastStream, uint code)
    {
        Span<byte> payload = stackalloc byte[2 * PayloadBytes];
        BinaryPrimitives.WriteInt32BigEndian(payload, lastStream);
        BinaryPrimitives.WriteUInt32BigEndian(payload[PayloadBytes..], code);
        Add(FrameType.GoAway, 0, 0, payload);
    }

    public void Add(FrameType type, byte flags, int stream, ReadOnlySpan<byte> payload)
    {
        lock (_lock)
        {
            // Those beyond the bound are not kept: whoever adds them looks at it, and gives the connection up.
            int needed = _length + FrameHeader.Bytes + payload.Length;
            if (_length > 2 * MostBytes) return;
            if (needed > _bytes.Length) Array.Resize(ref _bytes, Math.Max(2 * _bytes.Length, needed));
            new FrameHeader(payload.Length, type, flags, stream).Write(_bytes.AsSpan(_length));
            payload.CopyTo(_bytes.AsSpan(_length + FrameHeader.Bytes));
            _length = needed;
        }
    }

    /// <summary>Moves all to the output.</summary>
    /// <returns>Bytes.</returns>
    public int WriteTo(IBufferWriter<byte> output)
    {
        if (_length == 0) return 0;
        lock (_lock)
        {
            int bytes = _length;
            output.Write(_bytes.AsSpan(0, bytes));
            _length = 0;
            return bytes;
        }
    }

    private void Add(FrameType type, int stream, uint number)
    {
        Span<byte> payload = stackalloc byte[PayloadBytes];
        BinaryPrimitives.WriteUInt32BigEndian(payload, number);
        Add(type, 0, stream, payload);
    }

}
