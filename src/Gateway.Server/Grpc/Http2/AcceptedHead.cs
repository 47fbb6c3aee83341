using Gateway.Server.OpenInference;

namespace Gateway.Server.Grpc.Http2;

/// <summary>What the headers of a call that is served say.</summary>
/// <param name="TimeoutMicroseconds">The time that the client gives it; 0 for none.</param>
/// <param name="Coding">How its messages may be compressed.</param>
internal sealed record AcceptedHead(GrpcMethod Method, long TimeoutMicroseconds, ContentCoding Coding);
