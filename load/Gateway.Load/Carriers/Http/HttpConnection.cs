using Gateway.Load.Sockets;

namespace Gateway.Load.Carriers.Http;

/// <summary>One request and its answer after another.</summary>
internal sealed class HttpConnection : WireConnection
{
    private const int None = -1;

    private int _call = None;
    private int _wanted;
    private byte[] _joined = [];

    public override bool HasRoom => _call == None && !MustClose;

    public override int InFlight => _call == None ? 0 : 1;

    public override int Wanted => _wanted;

    public override void Open(OutputBuffer output)
    {
        base.Open(output);
        _call = None;
        _wanted = 0;
    }

    public override void Write(int call, EncodedRequest request, long timeoutMicroseconds, OutputBuffer output)
    {
        _call = call;
        Span<byte> bytes = output.Append(request.Bytes.Length);
        request.Bytes.CopyTo(bytes);
        if (request.TimeoutAt >= 0) TimeoutField.Write(bytes[request.TimeoutAt..], timeoutMicroseconds);
    }

    public override int Read(Span<byte> received, OutputBuffer output, ICallSink sink)
    {
        int before = 0;
        while (received.Length - before >= _wanted && ResponseHead.TryParse(received[before..], out ResponseHead head))
        {
            if (!head.IsInterim) return before + Answer(head, received[before..], isAll: false, sink);
            before += head.HeadBytes;
        }

        return before;
    }

    public override bool TryEnd(Span<byte> received, ICallSink sink) =>
        _call != None && ResponseHead.TryParse(received, out ResponseHead head) && head.EndsWithConnection && Answer(head, received, isAll: true, sink) > 0;

    public override void EndAll(in CallAnswer answer, ICallSink sink)
    {
        int call = _call;
        _call = None;
        if (call != None) sink.OnAnswer(call, answer);
    }

    public override bool TryAbandon(int call, OutputBuffer output)
    {
        if (_call != call) return false;

        // Its answer could not be told from the next one's.
        _call = None;
        MustClose = true;
        return true;
    }

    /// <param name="isAll">Whether nothing comes after what was received.</param>
    /// <returns>Bytes of the answer; 0 when it is not complete yet.</returns>
    private int Answer(in ResponseHead head, ReadOnlySpan<byte> received, bool isAll, ICallSink sink)
    {
        if (_call == None) throw new InvalidDataException("the server sent an answer to nothing");
        ReadOnlySpan<byte> body;
        int length;
        if (head.IsChunked)
        {
            if (!ChunkedBody.TryRead(received[head.HeadBytes..], ref _joined, out int chunks, out int joined)) return 0;
            body = _joined.AsSpan(0, joined);
            length = head.HeadBytes + chunks;
        }
        else if (head.EndsWithConnection)
        {
            if (!isAll) return 0;
            body = received[head.HeadBytes..];
            length = received.Length;
        }
        else
        {
            length = head.HeadBytes + head.BodyBytes;
            _wanted = length;
            if (received.Length < length) return 0;
            body = received.Slice(head.HeadBytes, head.BodyBytes);
        }

        _wanted = 0;
        int call = _call;
        _call = None;
        MustClose |= head.Closes;
        sink.OnAnswer(call, Answer(head, received[..length], body));
        return length;
    }

    private static CallAnswer Answer(in ResponseHead head, ReadOnlySpan<byte> raw, ReadOnlySpan<byte> body)
    {
        bool isRefusal = head.Status is 503 or 429;
        return new CallAnswer
        {
            Outcome = head.Status is >= 200 and < 300 ? CallOutcome.Ok : isRefusal ? CallOutcome.Refused : CallOutcome.Failed,
            Status = head.Status,
            Raw = raw,
            Body = body,
            BodyHeaderBytes = Math.Min(head.InferenceHeaderBytes, body.Length),
            Reason = raw.Slice(head.Refusal.Start, head.Refusal.Length),
            RetryAfterMilliseconds = head.RetryAfterMilliseconds,
        };
    }
}
