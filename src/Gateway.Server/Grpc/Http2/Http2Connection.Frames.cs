using System.Buffers;
using System.Buffers.Binary;
using Gateway.Protocol.Http2;
using Microsoft.AspNetCore.Connections;

namespace Gateway.Server.Grpc.Http2;

/// <content>What each kind of frame does; those that begin and feed calls are next door.</content>
internal sealed partial class Http2Connection
{
    private const int PriorityBytes = 5;
    private const int PingBytes = 8;

    private void Take(in FrameHeader header, in ReadOnlySequence<byte> payload, bool isLast)
    {
        if (_block.Stream != 0 && (header.Type != FrameType.Continuation || header.Stream != _block.Stream)) throw Violation("a frame within a header block");
        switch (header.Type)
        {
            case FrameType.Data:
                TakeData(header, payload, isLast);
                break;
            case FrameType.Headers:
                TakeHeaders(header, payload, isLast);
                break;
            case FrameType.Continuation:
                if (_block.Stream == 0) throw Violation("a CONTINUATION without HEADERS");
                TakeBlock(header, payload, isLast);
                break;
            case FrameType.Priority:
                if (header.Stream == 0) throw Violation("a PRIORITY frame of the connection");
                if (header.Length != PriorityBytes) Sender.Control.Reset(header.Stream, ErrorCodes.FrameSize);
                MustSend = true;
                _guard.OnIdleFrame();
                break;
            case FrameType.ResetStream:
                TakeReset(header);
                break;
            case FrameType.Settings:
                TakeSettings(header, payload);
                break;
            case FrameType.PushPromise:
                throw Violation("a client's PUSH_PROMISE");
            case FrameType.Ping:
                TakePing(header, payload);
                break;
            case FrameType.GoAway:
                if (header.Stream != 0) throw Violation("a GOAWAY of a stream");
                if (header.Length < PingBytes) throw new Http2Exception(ErrorCodes.FrameSize, "a GOAWAY cut short");
                break;
            case FrameType.WindowUpdate:
                TakeWindow(header, payload);
                break;
            default:
                _guard.OnIdleFrame();
                break;
        }
    }

    private void TakeReset(in FrameHeader header)
    {
        CheckIsOpened(header.Stream);
        if (header.Length != sizeof(uint)) throw new Http2Exception(ErrorCodes.FrameSize, "a RST_STREAM of another length");
        if (!_streams.TryGetValue(header.Stream, out Http2Stream? stream) || stream.IsGone) return;
        _guard.OnReset();
        _open--;
        stream.Abort(isGone: true, new ConnectionAbortedException("The client reset the stream."));
    }

    private void TakeSettings(in FrameHeader header, in ReadOnlySequence<byte> payload)
    {
        if (header.Stream != 0) throw Violation("SETTINGS of a stream");
        if (header.Has(FrameHeader.Ack) ? header.Length != 0 : header.Length % SettingBytes != 0) throw new Http2Exception(ErrorCodes.FrameSize, "SETTINGS of another length");
        _hasSettings = true;
        if (header.Has(FrameHeader.Ack))
        {
            _guard.OnIdleFrame();
            return;
        }

        _guard.OnSettings();
        Span<byte> settings = stackalloc byte[FrameHeader.MostPayload];
        settings = settings[..header.Length];
        payload.CopyTo(settings);
        int window = _sendWindow;
        int largest = 0;
        for (; settings.Length > 0; settings = settings[SettingBytes..])
        {
            uint value = BinaryPrimitives.ReadUInt32BigEndian(settings[sizeof(ushort)..]);
            if (Apply(BinaryPrimitives.ReadUInt16BigEndian(settings), value)) largest = Math.Max(largest, window = (int)value);
        }

        if (largest > 0 || window != _sendWindow) ApplyWindow(window, largest);
        Sender.Control.Add(FrameType.Settings, FrameHeader.Ack, 0, []);
        MustSend = true;
    }

    /// <returns>Whether it is the window of each stream, which is changed when the frame is read: there may be many values and many streams.</returns>
    private bool Apply(ushort name, uint value)
    {
        const int LargestFrame = (1 << 24) - 1;
        switch (name)
        {
            case 2 when value > 1:
                throw Violation("pushes are neither on nor off");
            case 4 when value > int.MaxValue:
                throw new Http2Exception(ErrorCodes.FlowControl, $"a window of {value} bytes");
            case 4:
                return true;
            case 5:
                Sender.MostFrame = value is >= FrameHeader.MostPayload and <= LargestFrame ? (int)value : throw Violation($"frames of {value} bytes");
                break;
        }

        return false;
    }

    /// <param name="window">What each stream begins with from now on.</param>
    /// <param name="largest">The largest that was set on the way: no stream's may be too large even for a moment.</param>
    private void ApplyWindow(int window, int largest)
    {
        int change = window - _sendWindow;
        _sendWindow = window;
        foreach (Http2Stream stream in _streams.Values)
        {
            if (stream.AddSendWindow(change) + (largest - window) > int.MaxValue) throw new Http2Exception(ErrorCodes.FlowControl, "a stream's window is larger than there can be");
            if (change > 0) stream.Post();
        }
    }

    private void TakePing(in FrameHeader header, in ReadOnlySequence<byte> payload)
    {
        if (header.Stream != 0) throw Violation("a PING of a stream");
        if (header.Length != PingBytes) throw new Http2Exception(ErrorCodes.FrameSize, "a PING of another length");
        _guard.OnIdleFrame();
        Span<byte> bytes = stackalloc byte[PingBytes];
        payload.CopyTo(bytes);
        if (!header.Has(FrameHeader.Ack))
        {
            Sender.Control.Add(FrameType.Ping, FrameHeader.Ack, 0, bytes);
            MustSend = true;
        }
        else if (bytes.SequenceEqual(Liveness.GoodbyePing))
        {
            _goodbye.OnHeard();
        }
    }

    private void TakeWindow(in FrameHeader header, in ReadOnlySequence<byte> payload)
    {
        if (header.Length != sizeof(uint)) throw new Http2Exception(ErrorCodes.FrameSize, "a WINDOW_UPDATE of another length");
        Span<byte> number = stackalloc byte[sizeof(uint)];
        payload.CopyTo(number);
        int bytes = BinaryPrimitives.ReadInt32BigEndian(number) & int.MaxValue;
        if (header.Stream == 0)
        {
            if (bytes == 0) throw Violation("a window that grows by nothing");
            if (Sender.AddWindow(bytes) > int.MaxValue) throw new Http2Exception(ErrorCodes.FlowControl, "the window is larger than there can be");
            return;
        }

        CheckIsOpened(header.Stream);
        if (!_streams.TryGetValue(header.Stream, out Http2Stream? stream)) return;
        if (bytes == 0) stream.Reset(ErrorCodes.Protocol);
        else if (stream.AddSendWindow(bytes) > int.MaxValue) stream.Reset(ErrorCodes.FlowControl);
        else stream.Post();
    }

    /// <summary>Streams are the client's, and odd; there must have been one of that number.</summary>
    private void CheckIsOpened(int stream)
    {
        if ((stream & 1) == 0 || stream > _lastStream) throw Violation($"a frame of stream {stream}, which was never opened");
    }

    /// <summary>Takes off padding and priority.</summary>
    private static ReadOnlySequence<byte> Strip(in FrameHeader header, in ReadOnlySequence<byte> payload)
    {
        int from = 0;
        int padding = 0;
        if (header.Has(FrameHeader.Padded))
        {
            if (payload.IsEmpty) throw new Http2Exception(ErrorCodes.FrameSize, "a padded frame without its padding's length");
            padding = payload.FirstSpan[0];
            from = 1;
        }

        if (header.Type == FrameType.Headers && header.Has(FrameHeader.HasPriority)) from += PriorityBytes;
        if (from == 0) return payload;
        if (from + padding > header.Length) throw Violation("more padding than there is of the frame");
        return payload.Slice(from, header.Length - from - padding);
    }
}
