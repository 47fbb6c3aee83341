using Gateway.Server.Grpc.Messages;
using Gateway.Server.Hosting;
using Gateway.Server.OpenInference;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.Grpc.Services;

/// <summary>The methods about the server as a whole.</summary>
internal static class ServerMethods
{
    // By Triton's names, and only what is served.
    private static readonly string[] Extensions = ["classification", "schedule_policy", "model_configuration", "binary_tensor_data", "parameters", "statistics"];

    public static IEnumerable<GrpcMethod> Make(ServerHealth health, OpenInferenceOptions options, ILogger logger)
    {
        yield return new UnaryMethod<ServerLiveRequest, ServerLiveResponse>(
            InferenceService.Path("ServerLive"), ServerLiveRequest.Parser, _ => new ServerLiveResponse { Live = health.IsLive }, logger)
        { IsOpen = true };
        yield return new UnaryMethod<ServerReadyRequest, ServerReadyResponse>(
            InferenceService.Path("ServerReady"), ServerReadyRequest.Parser, _ => new ServerReadyResponse { Ready = health.IsReady }, logger)
        { IsOpen = true };
        yield return new UnaryMethod<ServerMetadataRequest, ServerMetadataResponse>(
            InferenceService.Path("ServerMetadata"),
            ServerMetadataRequest.Parser,
            _ => new ServerMetadataResponse { Name = options.ServerName, Version = options.ServerVersion, Extensions = { Extensions } },
            logger);
    }
}
