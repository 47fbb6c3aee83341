using System.Buffers.Binary;
using Gateway.Load.Carriers.Http2;

namespace Gateway.Load.Carriers.Grpc;

/// <summary>A connection of gRPC calls with one message each way.</summary>
internal sealed class GrpcConnection(int window) : Http2Connection(window)
{
    /// <summary>Before each message: whether it is compressed, and its length.</summary>
    public const int PrefixBytes = 5;

    private readonly GrpcStatusLine _line = new();

    protected override void WriteTail(Span<byte> tail, long timeoutMicroseconds) => GrpcTimeoutField.Write(tail, timeoutMicroseconds);

    protected override void BeginHeaders() => _line.Clear();

    protected override void TakeHeader(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value) => _line.Take(name, value);

    protected override void EndHeaders(ref Http2Stream stream)
    {
        if (stream.Status != 0) return;
        if (_line.HttpStatus == 0) throw new InvalidDataException("headers of the server's have no status");

        // Those below 200 announce others.
        if (_line.HttpStatus >= 200) stream.Status = _line.HttpStatus;
    }

    protected override int ExpectedBytes(ReadOnlySpan<byte> received, ReadOnlySpan<byte> data) =>
        received.IsEmpty && data.Length >= PrefixBytes ? (int)Math.Min(PrefixBytes + (long)BinaryPrimitives.ReadUInt32BigEndian(data[1..]), int.MaxValue) : 0;

    protected override CallAnswer AnswerOf(in Http2Stream stream, bool withHeaders)
    {
        ReadOnlySpan<byte> received = stream.Received;
        int status = withHeaders ? _line.Status : -1;
        if (status < 0)
        {
            // What is between may answer in HTTP's words.
            return stream.Status == 200
                ? Failed(0, "no status"u8, "the call ended without a status"u8)
                : Failed(stream.Status, default, received) with { Outcome = stream.Status is 503 or 429 ? CallOutcome.Refused : CallOutcome.Failed };
        }

        if (status == GrpcStatusName.Ok)
        {
            return received.Length >= PrefixBytes && received[0] == 0 && BinaryPrimitives.ReadUInt32BigEndian(received[1..]) == received.Length - PrefixBytes
                ? new CallAnswer { Outcome = CallOutcome.Ok, Raw = received, Body = received[PrefixBytes..], RetryAfterMilliseconds = -1 }
                : Failed(0, "no message"u8, received.Length > 0 && received[0] != 0 ? "the answer is compressed, which was not offered"u8 : "the answer is not one whole message"u8);
        }

        return new CallAnswer
        {
            Outcome = status is GrpcStatusName.Unavailable or GrpcStatusName.ResourceExhausted ? CallOutcome.Refused : CallOutcome.Failed,
            Raw = received,
            Body = _line.Message,
            Reason = _line.Reason(),
            RetryAfterMilliseconds = _line.RetryAfterMilliseconds,
        };
    }

    private static CallAnswer Failed(int status, ReadOnlySpan<byte> reason, ReadOnlySpan<byte> text) =>
        new() { Outcome = CallOutcome.Failed, Status = status, Reason = reason, Body = text, RetryAfterMilliseconds = -1 };
}
