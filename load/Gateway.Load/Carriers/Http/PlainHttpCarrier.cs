using Gateway.Load.Payloads;

namespace Gateway.Load.Carriers.Http;

/// <summary>Any HTTP/1.1 target: GET, or POST with a body, unless another method is named.</summary>
internal sealed class PlainHttpCarrier : HttpCarrier
{
    public override string Name => "http";

    public override int DefaultPort => 80;

    public override IReadOnlyList<TensorPayload> Decode(ReadOnlySpan<byte> body, int bodyHeaderBytes) => [];

    protected override HttpBody Body(RequestPayload payload, RequestTarget target) =>
        payload.Body is { Length: > 0 } body
            ? new HttpBody(target.Method ?? "POST", target.Path, target.Headers.Any(header => header.StartsWith("content-type:", StringComparison.OrdinalIgnoreCase)) ? "" : "application/octet-stream", body)
            : new HttpBody(target.Method ?? "GET", target.Path, "", []);
}
