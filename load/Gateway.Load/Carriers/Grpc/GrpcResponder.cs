using System.Buffers.Binary;
using Gateway.Load.Carriers.Http2;
using Gateway.Load.Carriers.Null;
using Gateway.Protocol.Http2;

namespace Gateway.Load.Carriers.Grpc;

/// <summary>Answers each call of gRPC with the same message.</summary>
/// <param name="answer">With its prefix.</param>
internal sealed class GrpcResponder(byte[] answer) : NullResponder
{
    private const int FirstWindow = 65_535;
    private const int GiveBackBytes = 16 << 20;

    // Status 200 by its number in the static table, and content-type by its name's; then grpc-status, written out.
    private static readonly byte[] Head = [0x88, 0x0F, 0x10, 16, .. "application/grpc"u8];
    private static readonly byte[] Trailers = [0x00, 11, .. "grpc-status"u8, 1, (byte)'0'];

    private int _wanted;
    private int _toGiveBack;
    private bool _isOpen;

    public override int Wanted => _wanted;

    private static ReadOnlySpan<byte> Preface => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8;

    public override int Answer(ReadOnlySpan<byte> received, OutputBuffer output)
    {
        int taken = 0;
        if (!_isOpen)
        {
            if (received.Length < Preface.Length) return 0;
            if (!received.StartsWith(Preface)) throw new InvalidDataException("what was sent is no HTTP/2");
            _isOpen = true;
            taken = Preface.Length;
            Span<byte> settings = FrameHeader.Append(output, FrameType.Settings, 0, 0, 6);
            BinaryPrimitives.WriteUInt16BigEndian(settings, 4);
            BinaryPrimitives.WriteUInt32BigEndian(settings[2..], int.MaxValue);
            GiveBack(output, int.MaxValue - FirstWindow);
        }

        while (received.Length - taken >= FrameHeader.Bytes)
        {
            ReadOnlySpan<byte> rest = received[taken..];
            FrameHeader header = FrameHeader.Read(rest);
            _wanted = FrameHeader.Bytes + header.Length;
            if (rest.Length < _wanted) return taken;
            taken += _wanted;
            _wanted = 0;
            if (header.Type == FrameType.Settings && !header.Has(FrameHeader.Ack)) FrameHeader.Append(output, FrameType.Settings, FrameHeader.Ack, 0, 0);
            if (header.Type == FrameType.Data)
            {
                _toGiveBack += header.Length;
                if (_toGiveBack >= GiveBackBytes)
                {
                    GiveBack(output, _toGiveBack);
                    _toGiveBack = 0;
                }
            }

            if (header.Type is FrameType.Data or FrameType.Headers && header.Has(FrameHeader.EndStream)) Answer(header.Stream, output);
        }

        return taken;
    }

    private void Answer(int stream, OutputBuffer output)
    {
        Head.CopyTo(FrameHeader.Append(output, FrameType.Headers, FrameHeader.EndHeaders, stream, Head.Length));
        for (int at = 0; at < answer.Length; at += FrameHeader.MostPayload)
        {
            ReadOnlySpan<byte> piece = answer.AsSpan(at, Math.Min(FrameHeader.MostPayload, answer.Length - at));
            piece.CopyTo(FrameHeader.Append(output, FrameType.Data, 0, stream, piece.Length));
        }

        Trailers.CopyTo(FrameHeader.Append(output, FrameType.Headers, FrameHeader.EndHeaders | FrameHeader.EndStream, stream, Trailers.Length));
    }

    private static void GiveBack(OutputBuffer output, int bytes) =>
        BinaryPrimitives.WriteInt32BigEndian(FrameHeader.Append(output, FrameType.WindowUpdate, 0, 0, sizeof(int)), bytes);
}
