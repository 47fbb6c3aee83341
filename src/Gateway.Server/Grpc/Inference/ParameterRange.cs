namespace Gateway.Server.Grpc.Inference;

/// <summary>The parameters of the request, of one input or of one output, among all of a message.</summary>
internal readonly record struct ParameterRange(int First, int Count);
