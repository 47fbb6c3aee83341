using System.Buffers;
using Gateway.Protocol;
using Gateway.Protocol.Frames;
using Gateway.Protocol.MessagePack;

namespace Gateway.Server.Frames;

/// <summary>A frame that there is no memory for: its bytes are passed over as they arrive, all but the first, which tell its call.</summary>
internal sealed class PassedFrame
{
    // The longest array head, name of a known kind and call.
    private readonly byte[] _start = new byte[32];
    private int _startBytes;
    private long _length;

    /// <summary>Why it is not taken in; null while no frame is passed over.</summary>
    public InferenceException? Refusal { get; private set; }

    /// <summary>Bytes that have arrived.</summary>
    public long Arrived { get; private set; }

    public bool IsWhole => Arrived == _length;

    /// <summary>The call; 0 when the message is none.</summary>
    public uint Call
    {
        get
        {
            MessagePackReader reader = new(_start.AsSpan(0, _startBytes));
            return MessageHead.TryRead(ref reader, out MessageHead head) ? head.Call : 0;
        }
    }

    /// <param name="arrived">What of it has been collected.</param>
    /// <param name="length">Bytes of the whole message.</param>
    public void Begin(InferenceException refusal, ReadOnlySpan<byte> arrived, long length)
    {
        Refusal = refusal;
        _length = length;
        _startBytes = 0;
        Arrived = arrived.Length;
        Keep(arrived);
    }

    public void Take(ref ReadOnlySequence<byte> buffer)
    {
        ReadOnlySequence<byte> part = buffer.Slice(0, Math.Min(buffer.Length, _length - Arrived));
        foreach (ReadOnlyMemory<byte> segment in part) Keep(segment.Span);
        Arrived += part.Length;
        buffer = buffer.Slice(part.End);
    }

    public void Clear() => Refusal = null;

    private void Keep(ReadOnlySpan<byte> bytes)
    {
        int kept = Math.Min(bytes.Length, _start.Length - _startBytes);
        bytes[..kept].CopyTo(_start.AsSpan(_startBytes));
        _startBytes += kept;
    }
}
