using Gateway.Server.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Gateway.Server.OpenInference;

/// <summary>Keeps callers without the right header from restricted endpoints, whatever format their bodies have; before the method is looked at, as in Triton.</summary>
internal static class Restriction
{
    public static void UseRestrictedAccess(this WebApplication app, RestrictedAccess access) =>
        app.Use(next => context =>
        {
            RouteKind route = Route.Parse(context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget).Kind;
            if (GroupOf(route) is not { } group || !access.Asks(group, out string? header) || access.IsRight(group, context.Request.Headers[header].ToString())) return next(context);
            ErrorWriter.Write(context, StatusCodes.Status403Forbidden, RestrictedAccess.Problem(header));
            return Task.CompletedTask;
        });

    private static ApiGroup? GroupOf(RouteKind route) => route switch
    {
        RouteKind.Live or RouteKind.Ready or RouteKind.ModelReady => ApiGroup.Health,
        RouteKind.ServerMetadata or RouteKind.ModelMetadata => ApiGroup.Metadata,
        RouteKind.Infer or RouteKind.Generate or RouteKind.GenerateStream => ApiGroup.Inference,
        RouteKind.ModelConfig => ApiGroup.ModelConfig,
        RouteKind.RepositoryIndex or RouteKind.RepositoryLoad or RouteKind.RepositoryUnload or RouteKind.NamedRepository or RouteKind.Cache or RouteKind.ModelCache => ApiGroup.ModelRepository,
        RouteKind.Statistics or RouteKind.ModelStatistics => ApiGroup.Statistics,
        RouteKind.TraceSetting or RouteKind.ModelTraceSetting => ApiGroup.Trace,
        RouteKind.Logging => ApiGroup.Logging,
        RouteKind.SystemMemoryStatus or RouteKind.SystemMemoryRegister or RouteKind.SystemMemoryUnregister => ApiGroup.SharedMemory,
        RouteKind.CudaMemoryStatus or RouteKind.CudaMemoryRegister or RouteKind.CudaMemoryUnregister => ApiGroup.SharedMemory,
        _ => null,
    };
}
