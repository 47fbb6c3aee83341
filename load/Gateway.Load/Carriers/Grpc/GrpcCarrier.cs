using System.Buffers.Binary;
using Gateway.Load.Carriers.Http2;
using Gateway.Load.Carriers.Null;
using Gateway.Load.Payloads;
using Gateway.Protocol.Protobuf;

namespace Gateway.Load.Carriers.Grpc;

/// <summary>The Open Inference Protocol over gRPC: a call of <c>ModelInfer</c> for each request, many at once on one connection.</summary>
internal sealed class GrpcCarrier : ICarrier
{
    private const string Service = "/inference.GRPCInferenceService/";

    // Of HPACK's static table: the method POST, and both schemes.
    private const int Post = 3;
    private const int Http = 6;
    private const int Https = 7;

    private volatile Cached? _last;

    public string Name => "grpc";

    public string Scheme => "grpc";

    public int DefaultPort => 8001;

    public bool IsMultiplexed => true;

    public string? TlsProtocol => "h2";

    public EncodedRequest Encode(RequestPayload payload, RequestTarget target) => Call("ModelInfer", InferMessage.Write(payload, target.Model, target.Version), target);

    public EncodedRequest EncodeDescribe(RequestTarget target) => Call("ModelMetadata", InferMessage.WriteNameAndVersion(target.Model, target.Version), target);

    public ModelDescription ReadDescription(ReadOnlySpan<byte> body)
    {
        try
        {
            return InferMessage.ReadDescription(body);
        }
        catch (Exception exception) when (exception is ProtobufException or FormatException)
        {
            throw new LoadException(ExitCode.CannotStart, $"the server's description of the model cannot be read: {exception.Message}");
        }
    }

    public WireConnection CreateConnection(RequestTarget target, int window) => new GrpcConnection(window);

    public IReadOnlyList<TensorPayload> Decode(ReadOnlySpan<byte> body, int bodyHeaderBytes)
    {
        try
        {
            return InferMessage.ReadOutputs(body);
        }
        catch (ProtobufException exception)
        {
            throw new FormatException($"the answer is malformed: {exception.Message}");
        }
    }

    public NullResponder CreateResponder(byte[] answer) => new GrpcResponder(answer);

    private Http2Request Call(string method, byte[] message, RequestTarget target)
    {
        byte[] body = new byte[GrpcConnection.PrefixBytes + message.Length];
        BinaryPrimitives.WriteInt32BigEndian(body.AsSpan(1), message.Length);
        message.CopyTo(body.AsSpan(GrpcConnection.PrefixBytes));
        return new Http2Request(HeadersOf(method, target), body);
    }

    private HeaderBlock HeadersOf(string method, RequestTarget target)
    {
        if (_last is { } last && last.Method == method && ReferenceEquals(last.Target, target)) return last.Headers;
        List<(string Name, string Value)> fields = [(":path", Service + method), (":authority", target.Authority), ("te", "trailers"), ("content-type", "application/grpc"), ("user-agent", "gateway-load")];
        if (target.Token is { } token) fields.Add(("authorization", $"Bearer {token}"));
        foreach (string header in target.Headers)
        {
            int colon = header.IndexOf(':');
            fields.Add((header[..colon].Trim().ToLowerInvariant(), header[(colon + 1)..].Trim()));
        }

        HeaderBlock headers = HeaderBlock.Create([Post, target.IsTls ? Https : Http], fields, target.HasTimeout ? (GrpcTimeoutField.Name, GrpcTimeoutField.Bytes) : null);
        _last = new Cached(target, method, headers);
        return headers;
    }

    /// <summary>All calls of a method have the same.</summary>
    private sealed record Cached(RequestTarget Target, string Method, HeaderBlock Headers);
}
