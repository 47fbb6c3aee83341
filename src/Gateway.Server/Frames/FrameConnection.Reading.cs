using System.Buffers;
using Gateway.Protocol;
using Gateway.Protocol.Frames;
using Gateway.Server.MessagePack;

namespace Gateway.Server.Frames;

/// <content>Frames, out of the connection's buffers or gathered in a block.</content>
internal sealed partial class FrameConnection
{
    /// <summary>Handles the frames that have arrived.</summary>
    /// <returns>False when the window is full: what is left is to be read again.</returns>
    private bool Take(ReadOnlySequence<byte> buffer)
    {
        SequencePosition consumed = buffer.Start;
        SequencePosition examined = buffer.End;
        bool hasHandled = false;
        bool hasRoom = false;
        try
        {
            while (true)
            {
                if (!IsMidFrame && buffer.Length < Frame.LengthBytes) break;
                _arrivals.Took(buffer.Length);
                if (!IsMidFrame) _frameCame = _arrivals.NextCame();
                FrameStatus status = IsMidFrame ? Gather(ref buffer) : TakeFrame(ref buffer);
                consumed = buffer.Start;
                if (status == FrameStatus.Incomplete) break;
                hasHandled |= status == FrameStatus.Handled;
                if (status == FrameStatus.Handled) continue;
                examined = consumed;
                return false;
            }

            return hasRoom = true;
        }
        finally
        {
            // A frame has begun to arrive when something is left, and may take its time from here; but not while it is the server that does not read on.
            long now = _time.GetTimestamp();
            if (hasHandled) _lastFrame = now;
            if (!hasRoom || (!IsMidFrame && buffer.Length == 0)) _frameBegan = 0;
            else if (_frameBegan == 0 || hasHandled) _frameBegan = now;
            _frameArrived = _passed.Refusal is not null ? _passed.Arrived : _gathered.Block is null ? buffer.Length : _gathered.Bytes;
            _arrivals.Took(buffer.Length);
            _input.AdvanceTo(consumed, examined);
        }
    }

    private FrameStatus TakeFrame(ref ReadOnlySequence<byte> buffer)
    {
        Span<byte> prefix = stackalloc byte[Frame.LengthBytes];
        buffer.Slice(0, Frame.LengthBytes).CopyTo(prefix);
        long length = Frame.ReadLength(prefix);
        if (length > _options.MaxFrameBytes) throw Malformed.Invalid($"a frame of {length} bytes exceeds the maximum of {_options.MaxFrameBytes} bytes");
        if (!_hasHello && length > MostInBuffers) throw Malformed.Invalid("the first message must be a hello");
        long whole = Frame.LengthBytes + length;
        if (buffer.FirstSpan.Length >= whole)
        {
            ReadOnlySpan<byte> message = buffer.FirstSpan[Frame.LengthBytes..(int)whole];
            bool isLast = buffer.Length == whole;
            if (!TryHandle(message, block: null, start: 0, isLast)) return FrameStatus.NoRoom;
            buffer = buffer.Slice(whole);
            return FrameStatus.Handled;
        }

        if (buffer.Length < whole && whole <= MostInBuffers) return FrameStatus.Incomplete;
        buffer = buffer.Slice(Frame.LengthBytes);
        _gathered.Begin(length, FrameLayout.FirstTensor(buffer.FirstSpan[..(int)Math.Min(buffer.FirstSpan.Length, length)]));
        return Gather(ref buffer);
    }

    /// <summary>Collects a frame's bytes in a block, and handles it when it is whole.</summary>
    private FrameStatus Gather(ref ReadOnlySequence<byte> buffer)
    {
        try
        {
            if (_passed.Refusal is null) _gathered.Take(ref buffer);
        }
        catch (InferenceException refusal) when (_hasHello)
        {
            // That is this call's error alone: where the next frame begins is known.
            _passed.Begin(refusal, _gathered.Message, _gathered.Length);
            _gathered.Clear();
        }

        if (_passed.Refusal is not null) _passed.Take(ref buffer);
        if (!(_passed.Refusal is null ? _gathered.IsWhole : _passed.IsWhole)) return FrameStatus.Incomplete;
        return Finish(isLast: buffer.Length == 0) ? FrameStatus.Handled : FrameStatus.NoRoom;
    }

    /// <summary>Handles the frame that was gathered or passed over.</summary>
    /// <returns>False when the window is full.</returns>
    private bool Finish(bool isLast)
    {
        if (_passed.Refusal is { } refusal)
        {
            if (TryOpen(_passed.Call) is not { } call) return false;
            Answer(call, MessageKind.Error, Messages.Error(refusal.Status, refusal.Message));
        }
        else if (!TryHandle(_gathered.Message, _gathered.Block, _gathered.Start, isLast))
        {
            return false;
        }

        _passed.Clear();
        _gathered.Clear();
        _lastFrame = _time.GetTimestamp();
        return true;
    }
}
