using System.Buffers.Binary;
using System.Text;
using Gateway.Protocol.Frames;
using Gateway.Protocol.MessagePack;

namespace Gateway.Load.Carriers.Frames;

/// <summary>A connection of frames with a window of calls.</summary>
internal sealed class FrameConnection : WireConnection
{
    // Until the server's hello says what it allows.
    private const int CarefulWindow = 64;
    private const int None = -1;

    // An answer that nobody waits for any more; its number is in use until it comes.
    private const int Abandoned = -2;

    private readonly byte[] _hello;
    private readonly int[] _calls;
    private readonly int[] _free;
    private readonly ReasonText _reason = new();
    private int _freeCount;
    private int _window;
    private int _wanted;
    private bool _isLeaving;

    public FrameConnection(string? token, int window)
    {
        _hello = HelloFrame.Write(token, window);
        _calls = new int[window];
        _free = new int[window];
    }

    public override bool HasRoom => InFlight < _window && !MustClose && !_isLeaving;

    public override int Window => _window;

    public override int InFlight => _calls.Length - _freeCount;

    public override int Wanted => _wanted;

    public override void Open(OutputBuffer output)
    {
        base.Open(output);
        _isLeaving = false;
        _wanted = 0;
        _window = Math.Min(CarefulWindow, _calls.Length);
        Array.Fill(_calls, None);

        // The lowest numbers first.
        for (int i = 0; i < _free.Length; i++) _free[i] = _free.Length - 1 - i;
        _freeCount = _free.Length;
        output.Append(_hello);
    }

    public override void Write(int call, EncodedRequest request, long timeoutMicroseconds, OutputBuffer output)
    {
        int slot = _free[--_freeCount];
        _calls[slot] = call;
        Span<byte> frame = output.Append(request.Bytes.Length);
        request.Bytes.CopyTo(frame);
        BinaryPrimitives.WriteUInt16BigEndian(frame[request.CallAt..], (ushort)(FrameCarrier.FirstCall + slot));
        if (request.TimeoutAt >= 0) BinaryPrimitives.WriteUInt32BigEndian(frame[request.TimeoutAt..], (uint)Math.Min(timeoutMicroseconds, uint.MaxValue));
    }

    public override int Read(Span<byte> received, OutputBuffer output, ICallSink sink)
    {
        int taken = 0;
        while (received.Length - taken >= Frame.LengthBytes)
        {
            ReadOnlySpan<byte> rest = received[taken..];
            uint length = Frame.ReadLength(rest);
            if (length > int.MaxValue / 2) throw new InvalidDataException($"a frame of {length} bytes");
            _wanted = Frame.LengthBytes + (int)length;
            if (rest.Length < _wanted) return taken;
            ReadOnlySpan<byte> frame = rest[.._wanted];
            taken += _wanted;
            _wanted = 0;
            Take(frame, sink);
        }

        return taken;
    }

    public override void EndAll(in CallAnswer answer, ICallSink sink)
    {
        for (int slot = 0; slot < _calls.Length; slot++)
        {
            int call = _calls[slot];
            if (call == None) continue;
            Free(slot);
            if (call != Abandoned) sink.OnAnswer(call, answer);
        }
    }

    public override bool TryAbandon(int call, OutputBuffer output)
    {
        int slot = Array.IndexOf(_calls, call);
        if (slot < 0) return false;
        _calls[slot] = Abandoned;
        return true;
    }

    private void Take(ReadOnlySpan<byte> frame, ICallSink sink)
    {
        ReadOnlySpan<byte> message = frame[Frame.LengthBytes..];
        MessagePackReader reader = new(message);
        if (!MessageHead.TryRead(ref reader, out MessageHead head)) throw new InvalidDataException("what the server sent is no message");
        ReadOnlySpan<byte> body = message[reader.Position..];
        switch (head.Kind)
        {
            case MessageKind.Infer or MessageKind.Metadata:
                End(head.Call, new CallAnswer { Outcome = CallOutcome.Ok, Raw = frame, Body = body, RetryAfterMilliseconds = -1 }, sink);
                break;
            case MessageKind.Error:
                HelloFrame.ReadError(body, out ReadOnlySpan<byte> code, out ReadOnlySpan<byte> refusal, out ReadOnlySpan<byte> text, out long retryAfter);
                if (head.Call < FrameCarrier.FirstCall) throw new InvalidDataException($"the server refuses the connection: {Encoding.UTF8.GetString(code)}: {Encoding.UTF8.GetString(text)}");
                bool isRefusal = code.SequenceEqual("UNAVAILABLE"u8) || code.SequenceEqual("RESOURCE_EXHAUSTED"u8);
                End(head.Call, new CallAnswer { Outcome = isRefusal ? CallOutcome.Refused : CallOutcome.Failed, Raw = frame, Body = text, Reason = _reason.Of(code, refusal), RetryAfterMilliseconds = retryAfter }, sink);
                break;
            case MessageKind.Hello:
                _window = Math.Min(_calls.Length, HelloFrame.ReadWindow(body, CarefulWindow));
                break;
            case MessageKind.Goodbye:
                _isLeaving = true;
                break;
        }
    }

    private void End(uint number, in CallAnswer answer, ICallSink sink)
    {
        long slot = (long)number - FrameCarrier.FirstCall;
        if (slot < 0 || slot >= _calls.Length || _calls[slot] == None) throw new InvalidDataException($"the server answered call {number}, which was not made");
        int call = _calls[slot];
        Free((int)slot);
        if (call != Abandoned) sink.OnAnswer(call, answer);
    }

    private void Free(int slot)
    {
        _calls[slot] = None;
        _free[_freeCount++] = slot;
    }
}
