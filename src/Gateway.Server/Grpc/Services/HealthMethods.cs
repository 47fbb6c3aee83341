using Gateway.Core.Models;
using Gateway.Server.Grpc.Messages.Health;
using Gateway.Server.Hosting;
using Microsoft.Extensions.Logging;
using ServingStatus = Gateway.Server.Grpc.Messages.Health.HealthCheckResponse.Types.ServingStatus;

namespace Gateway.Server.Grpc.Services;

/// <summary>gRPC's health checking: Check, and Watch, which tells changes.</summary>
/// <remarks>
/// A service's name that is a model's asks for that model, any other for the server, as in Triton, whose probes may give any name.
/// </remarks>
internal static class HealthMethods
{
    public const string Service = "grpc.health.v1.Health";

    public static IEnumerable<GrpcMethod> Make(ModelCatalog catalog, ServerHealth health, GrpcStop stop, ILogger logger)
    {
        ServingStatus Status(string service) => IsServing(catalog, health, service) ? ServingStatus.Serving : ServingStatus.NotServing;
        yield return new UnaryMethod<HealthCheckRequest, HealthCheckResponse>(
            $"/{Service}/Check", HealthCheckRequest.Parser, request => new HealthCheckResponse { Status = Status(request.Service) }, logger)
        { IsOpen = true };
        yield return new HealthWatchMethod(Status, stop, logger)
        { IsOpen = true };
    }

    private static bool IsServing(ModelCatalog catalog, ServerHealth health, string service) =>
        service.Length > 0 && catalog.IsReady(service, 0) is { } isReady ? health.Phase != ServerPhase.Exiting && isReady : health.IsReady;
}
