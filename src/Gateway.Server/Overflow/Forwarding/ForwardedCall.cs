using Microsoft.AspNetCore.Http;

namespace Gateway.Server.Overflow.Forwarding;

/// <summary>A call as it came, to be sent to replicas until one answers.</summary>
/// <param name="Method">Of HTTP.</param>
/// <param name="Target">Path and query.</param>
/// <param name="Headers">As the client sent them.</param>
/// <param name="Body">As the client sent it.</param>
/// <param name="IsGrpc">Whether it goes to the port for gRPC, over HTTP/2.</param>
/// <param name="IsInference">Whether a gateway says with the answer how loaded it is.</param>
internal sealed record ForwardedCall(string Method, string Target, IHeaderDictionary Headers, ReadOnlyMemory<byte> Body, bool IsGrpc, bool IsInference = true);
