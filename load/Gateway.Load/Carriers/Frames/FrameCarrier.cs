using Gateway.Load.Carriers.Null;
using Gateway.Load.Payloads;
using Gateway.Protocol.Frames;

namespace Gateway.Load.Carriers.Frames;

/// <summary>MessagePack frames: many calls at once on one connection, answered in any order.</summary>
internal sealed class FrameCarrier : ICarrier
{
    /// <summary>From here to 65,535 the number of a call takes three bytes, so that all frames of a payload are as long.</summary>
    public const int FirstCall = 256;

    public string Name => "frames";

    public string Scheme => "frames";

    public int DefaultPort => 8003;

    public bool IsMultiplexed => true;

    public string? TlsProtocol => null;

    public EncodedRequest Encode(RequestPayload payload, RequestTarget target)
    {
        byte[] body = InferMap.Write(payload, target.Model, target.Version, target.HasTimeout, out int timeoutAt);
        MessageHead head = new(MessageKind.Infer, FirstCall);
        byte[] frame = HelloFrame.Message(head, body);
        int start = head.FrameBytes;
        return new EncodedRequest(frame, timeoutAt < 0 ? -1 : start + timeoutAt, start - sizeof(ushort));
    }

    public EncodedRequest EncodeDescribe(RequestTarget target)
    {
        MessageHead head = new(MessageKind.Metadata, FirstCall);
        return new EncodedRequest(HelloFrame.Metadata(FirstCall, target.Model, target.Version), CallAt: head.FrameBytes - sizeof(ushort));
    }

    public ModelDescription ReadDescription(ReadOnlySpan<byte> body) => InferMap.ReadDescription(body);

    public WireConnection CreateConnection(RequestTarget target, int window) => new FrameConnection(target.Token, window);

    public IReadOnlyList<TensorPayload> Decode(ReadOnlySpan<byte> body, int bodyHeaderBytes) => InferMap.ReadOutputs(body);

    public NullResponder CreateResponder(byte[] answer) => new FrameResponder(answer);
}
