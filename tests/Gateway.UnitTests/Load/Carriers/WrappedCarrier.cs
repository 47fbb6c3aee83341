using Gateway.Load.Carriers;
using Gateway.Load.Carriers.Null;
using Gateway.Load.Payloads;

namespace Gateway.UnitTests.Load.Carriers;

/// <summary>A carrier of which a test has a part of its own.</summary>
internal class WrappedCarrier(ICarrier inner) : ICarrier
{
    public string Name => inner.Name;

    public string Scheme => inner.Scheme;

    public int DefaultPort => inner.DefaultPort;

    public bool IsMultiplexed => inner.IsMultiplexed;

    public string? TlsProtocol => inner.TlsProtocol;

    public EncodedRequest Encode(RequestPayload payload, RequestTarget target) => inner.Encode(payload, target);

    public EncodedRequest EncodeDescribe(RequestTarget target) => inner.EncodeDescribe(target);

    public ModelDescription ReadDescription(ReadOnlySpan<byte> body) => inner.ReadDescription(body);

    public virtual WireConnection CreateConnection(RequestTarget target, int window) => inner.CreateConnection(target, window);

    public virtual IReadOnlyList<TensorPayload> Decode(ReadOnlySpan<byte> body, int bodyHeaderBytes) => inner.Decode(body, bodyHeaderBytes);

    public NullResponder CreateResponder(byte[] answer) => inner.CreateResponder(answer);
}
