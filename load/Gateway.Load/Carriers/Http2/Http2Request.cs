namespace Gateway.Load.Carriers.Http2;

/// <summary>A call: its headers, and its body as <see cref="EncodedRequest.Bytes"/>.</summary>
internal sealed record Http2Request(HeaderBlock Headers, byte[] Body) : EncodedRequest(Body);
