using Gateway.Server.Hosting;

namespace Gateway.Server.Grpc;

/// <summary>One method that can be called.</summary>
/// <param name="path">Service and method, such as <c>/inference.GRPCInferenceService/ModelInfer</c>.</param>
internal abstract class GrpcMethod(string path)
{
    public string Path => path;

    /// <summary>Whether anybody may call it, also where the server asks for an access token: probes have no secrets.</summary>
    public bool IsOpen { get; init; }

    /// <summary>What it can be restricted with; null for what cannot be.</summary>
    public ApiGroup? Group { get; } = MethodGroups.Of(path);
}
