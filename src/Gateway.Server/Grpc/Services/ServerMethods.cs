using Gateway.Core.Memory.Shared;
using Gateway.Server.Grpc.Messages;
using Gateway.Server.Hosting;
using Gateway.Server.OpenInference;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.Grpc.Services;

/// <summary>The methods about the server as a whole.</summary>
internal static class ServerMethods
{
    public static IEnumerable<GrpcMethod> Make(ServerHealth health, OpenInferenceOptions options, SharedRegions regions, ILogger logger)
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
            _ => new ServerMetadataResponse { Name = options.ServerName, Version = options.ServerVersion, Extensions = { MetadataWriter.ExtensionsOf(regions) } },
            logger);
    }
}
