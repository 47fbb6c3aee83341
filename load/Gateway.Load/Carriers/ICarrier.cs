using Gateway.Load.Carriers.Null;
using Gateway.Load.Payloads;

namespace Gateway.Load.Carriers;

/// <summary>One way to bring requests to a server. All that knows a protocol stands behind this; nothing else does.</summary>
/// <remarks><b>Threading</b>: encoding and decoding from any thread; a connection belongs to one.</remarks>
internal interface ICarrier
{
    /// <summary>As <c>--carrier</c> has it.</summary>
    string Name { get; }

    /// <summary>What its addresses begin with, such as <c>http</c>.</summary>
    string Scheme { get; }

    /// <summary>The port of an address without one.</summary>
    int DefaultPort { get; }

    /// <summary>Likewise, where plain HTTP has another with TLS.</summary>
    int PortFor(bool isTls) => isTls && DefaultPort == 80 ? 443 : DefaultPort;

    /// <summary>Whether one connection has many calls in flight.</summary>
    bool IsMultiplexed { get; }

    /// <summary>What is asked for in a TLS handshake (ALPN), where the protocol has a name there; null for nothing.</summary>
    string? TlsProtocol { get; }

    /// <summary>Makes the bytes of a request.</summary>
    /// <exception cref="FormatException">The carrier has no form for the payload.</exception>
    EncodedRequest Encode(RequestPayload payload, RequestTarget target);

    /// <summary>Makes the bytes that ask what a model takes and gives.</summary>
    EncodedRequest EncodeDescribe(RequestTarget target);

    /// <summary>Reads the answer to that.</summary>
    /// <exception cref="LoadException">It is malformed.</exception>
    ModelDescription ReadDescription(ReadOnlySpan<byte> body);

    /// <param name="window">Most calls in flight, where one connection has several.</param>
    WireConnection CreateConnection(RequestTarget target, int window);

    /// <summary>Reads the tensors of an answer; empty where the carrier knows none.</summary>
    /// <exception cref="FormatException">It is malformed.</exception>
    IReadOnlyList<TensorPayload> Decode(ReadOnlySpan<byte> body, int bodyHeaderBytes);

    /// <summary>The other side of one connection, which answers every request with what a server once answered, and computes nothing.</summary>
    /// <param name="answer">That answer, as received.</param>
    NullResponder CreateResponder(byte[] answer);
}
