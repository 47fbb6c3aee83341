using System.Globalization;
using System.Text;
using Gateway.Core.Caching;
using Gateway.Core.Features;
using Gateway.Core.Memory;
using Gateway.Core.Memory.Shared;
using Gateway.Core.Models;
using Gateway.Core.Models.Repository;
using Gateway.Protocol;
using Gateway.Server.Features;
using Gateway.Server.Hosting;
using Gateway.Server.Overflow;
using Gateway.Server.Tenants;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.OpenInference;

/// <summary>The Open Inference Protocol v2 over HTTP, in Triton's dialect: every path under <c>/v2</c>.</summary>
/// <remarks>
/// <b>Behaviour</b>: matches paths itself and answers everything under <c>/v2</c>, with the protocol's own 404 and 405 where nothing is. The request's content
/// type is never looked at: clients send none, or a wrong one. <b>Threading</b>: any.
/// </remarks>
/// <param name="control">What loads and unloads models on request; null where there is no repository.</param>
/// <param name="logs">Null where the server's log cannot be changed.</param>
/// <param name="features">Null where there are no feature views.</param>
/// <param name="regions">The shared memory that clients have registered; null where they may not.</param>
/// <param name="passage">Null where no model is run by another server.</param>
public sealed class OpenInferenceHandler(
    ModelCatalog catalog,
    BlockPool pool,
    OpenInferenceOptions options,
    TimeProvider time,
    ServerHealth health,
    CallerTenants tenants,
    ILogger<OpenInferenceHandler> logger,
    ResponseCache? cache = null,
    IModelControl? control = null,
    LogSettings? logs = null,
    SharedRegions? regions = null,
    FeatureViews? features = null,
    Passage? passage = null)
{
    private const string NotReady = "Model version not ready";

    private readonly SharedRegions _regions = regions ?? SharedRegions.Disabled;
    private readonly InferEndpoint _infer = new(catalog, pool, regions ?? SharedRegions.Disabled, options, tenants, time, logger, passage ?? new Passage());
    private readonly GenerateEndpoint _generate = new(catalog, pool, regions ?? SharedRegions.Disabled, options, tenants, time);
    private readonly RepositoryEndpoint _repository = new(control, pool, options);
    private readonly LoggingEndpoint _logging = new(logs, pool);
    private readonly TraceEndpoint _trace = new(catalog.Tracer, pool);
    private readonly FeatureEndpoint _features = new(features, pool, options);
    private readonly SharedMemoryEndpoint _memory = new(regions ?? SharedRegions.Disabled, pool);

    /// <summary>Answers a call if its path is one of this protocol's.</summary>
    /// <param name="handled">Completes when the call is answered.</param>
    /// <returns>False when the path is somebody else's; nothing has been done then.</returns>
    public bool TryHandle(HttpContext context, out Task handled)
    {
        Route route = Route.Of(context);
        handled = Task.CompletedTask;
        if (route.Kind == RouteKind.Foreign) return false;
        try
        {
            handled = Dispatch(context, route);
        }
        catch (InferenceException error)
        {
            ErrorWriter.Write(context, error.Status, error.Message);
        }

        return true;
    }

    /// <summary>Answers an infer call that has come by a path of somebody else's.</summary>
    /// <param name="version">0 for the highest ready version.</param>
    internal Task InferAsync(HttpContext context, string model, long version)
    {
        try
        {
            return _infer.HandleAsync(context, catalog.Find(model, version), version);
        }
        catch (InferenceException error)
        {
            ErrorWriter.Write(context, error.Status, error.Message);
            return Task.CompletedTask;
        }
    }

    private Task Dispatch(HttpContext context, in Route route)
    {
        if (route.Kind == RouteKind.Unknown)
        {
            ErrorWriter.Write(context, StatusCodes.Status404NotFound, "Not Found");
            return Task.CompletedTask;
        }

        if (!Allows(route.Kind, context.Request.Method, out string allowed))
        {
            context.Response.Headers.Allow = allowed;
            ErrorWriter.Write(context, StatusCodes.Status405MethodNotAllowed, "Method Not Allowed");
            return Task.CompletedTask;
        }

        switch (route.Kind)
        {
            case RouteKind.Infer:
                return _infer.HandleAsync(context, Find(route), route.Version());
            case RouteKind.Generate or RouteKind.GenerateStream:
                return OrExplain(context, _generate.HandleAsync(context, Find(route), route.Version(), route.Kind == RouteKind.GenerateStream));
            case RouteKind.RepositoryIndex:
                return OrExplain(context, _repository.IndexAsync(context));
            case RouteKind.RepositoryLoad:
                return OrExplain(context, _repository.LoadAsync(context, route.Model.ToString()));
            case RouteKind.RepositoryUnload:
                return OrExplain(context, _repository.UnloadAsync(context, route.Model.ToString()));
            case RouteKind.NamedRepository:
                throw new InferenceException(StatusCode.Unsupported, "'repository_name' specification is not supported");
            case RouteKind.SystemMemoryStatus or RouteKind.SystemMemoryRegister or RouteKind.SystemMemoryUnregister:
            case RouteKind.CudaMemoryStatus or RouteKind.CudaMemoryRegister or RouteKind.CudaMemoryUnregister:
                return OrExplain(context, _memory.HandleAsync(context, route.Kind, route.Model.ToString()));
            case RouteKind.Features or RouteKind.FeatureView or RouteKind.FeatureRow or RouteKind.FeatureRows or RouteKind.FeatureLookup or RouteKind.FeatureDelete:
                return OrExplain(context, _features.HandleAsync(context, route.Kind, route.Model.ToString(), route.Key.ToString()));
            case RouteKind.Logging:
                return OrExplain(context, _logging.HandleAsync(context));
            case RouteKind.TraceSetting:
                return OrExplain(context, _trace.HandleAsync(context, ""));
            case RouteKind.ModelTraceSetting:
                return OrExplain(context, _trace.HandleAsync(context, Find(route).Name));
            case RouteKind.Cache or RouteKind.ModelCache:
                ClearCache(context, route);
                break;
            case RouteKind.Statistics:
                StatisticsWriter.Write(context, StatisticsWriter.Select(catalog, "", 0));
                break;
            case RouteKind.ModelStatistics:
                StatisticsWriter.Write(context, StatisticsWriter.Select(catalog, route.Model.ToString(), route.Version()));
                break;
            case RouteKind.ModelConfig:
                MetadataWriter.WriteConfig(context, Find(route).Config);
                break;
            case RouteKind.ServerMetadata:
                MetadataWriter.WriteServer(context, options, _regions);
                break;
            case RouteKind.Live:
                WriteHealth(context, isTrue: true, "{\"live\":true}"u8, "{\"live\":false}"u8);
                break;
            case RouteKind.Ready:
                WriteHealth(context, health.IsReady, "{\"ready\":true}"u8, "{\"ready\":false}"u8);
                break;
            case RouteKind.ModelReady:
                WriteModelReady(context, route);
                break;
            case RouteKind.ModelMetadata:
                ServedModel model = Find(route);
                MetadataWriter.WriteModel(context, model, route.HasVersion ? [model] : catalog.ReadyVersions(route.Model));
                break;
        }

        return Task.CompletedTask;
    }

    private static bool Allows(RouteKind kind, string method, out string allowed)
    {
        if (FeatureEndpoint.MethodsOf(kind) is { Length: > 0 } methods)
        {
            allowed = string.Join(", ", methods);
            return methods.Contains(method, StringComparer.OrdinalIgnoreCase);
        }

        bool isBoth = kind is RouteKind.TraceSetting or RouteKind.ModelTraceSetting or RouteKind.Logging;
        bool isPost = kind is RouteKind.Infer or RouteKind.Generate or RouteKind.GenerateStream or RouteKind.RepositoryIndex or RouteKind.RepositoryLoad
            or RouteKind.RepositoryUnload or RouteKind.NamedRepository
            or RouteKind.SystemMemoryRegister or RouteKind.SystemMemoryUnregister or RouteKind.CudaMemoryRegister or RouteKind.CudaMemoryUnregister;
        bool isDelete = kind is RouteKind.Cache or RouteKind.ModelCache;
        allowed = isDelete ? HttpMethods.Delete : isBoth ? "GET, POST" : isPost ? HttpMethods.Post : HttpMethods.Get;
        if (isDelete) return HttpMethods.IsDelete(method);
        return (HttpMethods.IsPost(method) && (isPost || isBoth)) || (HttpMethods.IsGet(method) && !isPost);
    }

    /// <summary>Waits for a call of the extensions, and answers with what went wrong.</summary>
    private async Task OrExplain(HttpContext context, Task handling)
    {
        try
        {
            await handling.ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Whatever goes wrong is this call's error; the connection and everybody else go on.
        catch (Exception error) when (!context.Response.HasStarted)
#pragma warning restore CA1031
        {
            InferEndpoint.Fail(context, error, logger);
        }
    }

    /// <summary>Triton's health answers are empty; KServe's client reads these bodies, and Triton's does not mind them.</summary>
    private void WriteHealth(HttpContext context, bool isTrue, ReadOnlySpan<byte> yes, ReadOnlySpan<byte> no)
    {
        if (health.Phase == ServerPhase.Exiting) ErrorWriter.Write(context, StatusCodes.Status503ServiceUnavailable, "Server exiting");
        else ErrorWriter.WriteJson(context, isTrue ? StatusCodes.Status200OK : StatusCodes.Status400BadRequest, isTrue ? yes : no);
    }

    /// <summary>Deletes answers: of all models, of a model's versions, or of one version.</summary>
    private void ClearCache(HttpContext context, in Route route)
    {
        string? model = route.Kind == RouteKind.ModelCache ? route.Model.ToString() : null;
        long version = route.Version();
        if (route.HasVersion && version == 0) throw UnknownVersion(route);
        IEnumerable<long> unloaded = catalog.Index.Where(status => status.Name == model && status.Model is null && status.Version > 0).Select(status => status.Version);
        if (cache?.Clear(model, version, unloaded) is { } entries)
        {
            ErrorWriter.WriteJson(context, StatusCodes.Status200OK, Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{{\"deleted\":{entries}}}")));
            return;
        }

        ErrorWriter.Write(context, StatusCodes.Status404NotFound, model is null ? "There is no cache" : $"Model '{model}' has no cache");
    }

    private void WriteModelReady(HttpContext context, in Route route)
    {
        try
        {
            if (Find(route).IsReady)
            {
                MetadataWriter.WriteReady(context, route.Model);
                return;
            }
        }
        catch (InferenceException)
        {
            // An unknown model is not ready either: clients poll this route while they wait for a model to appear.
        }

        ErrorWriter.Write(context, StatusCodes.Status400BadRequest, NotReady);
    }

    private ServedModel Find(in Route route)
    {
        long version = route.Version();
        ServedModel model = catalog.Find(route.Model, version);

        // Versions begin at 1; to the catalogue 0 is the latest, to a client that spells it out it is one that does not exist.
        if (route.HasVersion && version == 0) throw UnknownVersion(route);
        return model;
    }

    private static InferenceException UnknownVersion(in Route route) => new(StatusCode.NotFound, $"Request for unknown model: '{route.Model}' version 0 is not found");
}
