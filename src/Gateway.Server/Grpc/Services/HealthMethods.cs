using Gateway.Core.Models;
using Gateway.Server.Grpc.Messages.Health;
using Gateway.Server.Hosting;
using Microsoft.Extensions.Logging;
using ServingStatus = Gateway.Server.Grpc.Messages.Health.HealthCheckResponse.Types.ServingStatus;

namespace Gateway.Server.Grpc.Services;

/// <summary>gRPC's health checking: Check, and Watch, which tells changes.</summary>
/// <remarks>
/// A service's name that is a model's asks for that model, any other for the server, as in Triton, whose probes may give any name. Who watches a model is told SERVICE_UNKNOWN when it is gone,
/// as the protocol has it, and not the server's status.
/// </remarks>
internal static class HealthMethods
{
    public const string Service = "grpc.health.v1.Health";

    public static IEnumerable<GrpcMethod> Make(ModelCatalog catalog, ServerHealth health, GrpcStop stop, ILogger logger)
    {
        yield return new UnaryMethod<HealthCheckRequest, HealthCheckResponse>(
            $"/{Service}/Check", HealthCheckRequest.Parser, request => new HealthCheckResponse { Status = Look(catalog, health, request.Service, out _) }, logger)
        { IsOpen = true };
        yield return new HealthWatchMethod(catalog, health, stop, logger)
        { IsOpen = true };
    }

    /// <param name="isModel">Whether it is the status of a model; else the server's.</param>
    public static ServingStatus Look(ModelCatalog catalog, ServerHealth health, string service, out bool isModel)
    {
        bool? isReady = service.Length > 0 ? catalog.IsReady(service, 0) : null;
        isModel = isReady is not null;
        return (isReady is { } ready ? ready && health.Phase != ServerPhase.Exiting : health.IsReady) ? ServingStatus.Serving : ServingStatus.NotServing;
    }
}
