using Gateway.Load.Carriers.Frames;
using Gateway.Load.Payloads;

namespace Gateway.Load.Carriers.Http;

/// <summary>The Open Inference Protocol's maps in MessagePack, as HTTP bodies.</summary>
internal sealed class MessagePackHttpCarrier : HttpCarrier
{
    public override string Name => "msgpack-http";

    public override IReadOnlyList<TensorPayload> Decode(ReadOnlySpan<byte> body, int bodyHeaderBytes) => InferMap.ReadOutputs(body);

    protected override HttpBody Body(RequestPayload payload, RequestTarget target) =>
        new("POST", InferPath(target), "application/msgpack", InferMap.Write(payload, model: "", version: "", hasTimeout: false, out _));
}
