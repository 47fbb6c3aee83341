namespace Gateway.Server.Grpc.Wire;

/// <summary>A call failed with a status that is gRPC's own, where <see cref="Protocol.InferenceException"/> has none.</summary>
internal sealed class GrpcException(GrpcStatus status, string message) : Exception(message)
{
    public GrpcStatus Status => status;
}
