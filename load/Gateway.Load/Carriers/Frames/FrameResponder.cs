using Gateway.Load.Carriers.Null;
using Gateway.Protocol.Frames;
using Gateway.Protocol.MessagePack;

namespace Gateway.Load.Carriers.Frames;

/// <summary>Answers each call of frames with the same body.</summary>
internal sealed class FrameResponder : NullResponder
{
    private readonly byte[] _body;
    private readonly MessageKind _kind;
    private int _wanted;

    /// <param name="answer">A whole frame.</param>
    public FrameResponder(byte[] answer)
    {
        MessagePackReader reader = new(answer.AsSpan(Frame.LengthBytes));
        if (!MessageHead.TryRead(ref reader, out MessageHead head)) throw new InvalidDataException("the answer is no message");
        _kind = head.Kind;
        _body = answer[(Frame.LengthBytes + reader.Position)..];
    }

    public override int Wanted => _wanted;

    public override int Answer(ReadOnlySpan<byte> received, OutputBuffer output)
    {
        int taken = 0;
        while (received.Length - taken >= Frame.LengthBytes)
        {
            ReadOnlySpan<byte> rest = received[taken..];
            _wanted = Frame.LengthBytes + (int)Math.Min(Frame.ReadLength(rest), int.MaxValue / 2);
            if (rest.Length < _wanted) return taken;
            MessagePackReader reader = new(rest[Frame.LengthBytes.._wanted]);
            if (!MessageHead.TryRead(ref reader, out MessageHead head)) throw new InvalidDataException("what was sent is no message");
            taken += _wanted;
            _wanted = 0;
            if (head.Kind == MessageKind.Hello)
            {
                output.Append(HelloFrame.Write(token: null, window: ushort.MaxValue));
            }
            else
            {
                MessageHead answer = head with { Kind = _kind };
                Span<byte> frame = output.Append(answer.FrameBytes + _body.Length);
                _body.CopyTo(frame[answer.WriteFrame(frame, _body.Length)..]);
            }
        }

        return taken;
    }
}
