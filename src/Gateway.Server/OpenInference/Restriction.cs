using Gateway.Server.Hosting;
using Gateway.Server.Proxy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.OpenInference;

/// <summary>Keeps callers without the right header from restricted endpoints, whatever format their bodies have; before it is looked at whether the method is allowed, as in Triton.</summary>
/// <remarks>What Triton does not have belongs where the same is done: a proxied route with a model to inference; reading a feature view's rows too, changing them to the models' repository.</remarks>
internal static class Restriction
{
    public static void UseRestrictedAccess(this WebApplication app, RestrictedAccess access) =>
        app.Use(next => context =>
        {
            if (GroupOf(context) is not { } group || !access.Asks(group, out string? header) || access.IsRight(group, context.Request.Headers[header].ToString())) return next(context);
            ErrorWriter.Write(context, StatusCodes.Status403Forbidden, RestrictedAccess.Problem(header));
            return Task.CompletedTask;
        });

    private static ApiGroup? GroupOf(HttpContext context)
    {
        // Such a route may have any path, one of the protocol's for something else too.
        if (ProxyRouting.RouteOf(context) is { Metadata.Model: not null }) return ApiGroup.Inference;
        return GroupOf(Route.Of(context).Kind, context.Request.Method);
    }

    private static ApiGroup? GroupOf(RouteKind route, string method) => route switch
    {
        RouteKind.Live or RouteKind.Ready or RouteKind.ModelReady => ApiGroup.Health,
        RouteKind.ServerMetadata or RouteKind.ModelMetadata or RouteKind.Features or RouteKind.FeatureView => ApiGroup.Metadata,
        RouteKind.Infer or RouteKind.Generate or RouteKind.GenerateStream or RouteKind.FeatureLookup => ApiGroup.Inference,
        RouteKind.FeatureRow when HttpMethods.IsGet(method) => ApiGroup.Inference,
        RouteKind.FeatureRow or RouteKind.FeatureRows or RouteKind.FeatureDelete => ApiGroup.ModelRepository,
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
