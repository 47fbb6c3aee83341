using Gateway.Server.Hosting;
using Gateway.Server.OpenInference;
using Gateway.Server.Overflow;
using Gateway.Server.Proxy.Configuration;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace Gateway.Server.Proxy;

/// <summary>What is done to every request on its way to an upstream: it is tied to its call, carries its route's mark, keeps its path as it was sent, and does not carry the server's own access token out.</summary>
internal sealed class ProxyTransforms(ServerOptions options) : ITransformProvider
{
    private static readonly UriCreationOptions AsItIs = new() { DangerousDisablePathAndQueryCanonicalization = true };

    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }

    public void Apply(TransformBuilderContext context)
    {
        context.AddRequestTransform(static transform =>
        {
            if (transform.HttpContext.Features.Get<ProxyCall>() is { } call)
            {
                transform.ProxyRequest.Options.Set(ProxyCall.Key, call);
                transform.ProxyRequest.Headers.Remove(Passage.HeaderName);
                transform.ProxyRequest.Headers.TryAddWithoutValidation(Passage.HeaderName, Passage.Join(Passage.Of(transform.HttpContext.Request.Headers), call.Route.Mark));
            }

            string raw = Route.TargetOf(transform.HttpContext);
            if (transform.ProxyRequest.RequestUri is null && SentPath.TryKeep(raw, transform.HttpContext.Request.Path, transform.Path, out string? path))
            {
                transform.ProxyRequest.RequestUri = new Uri(transform.DestinationPrefix.TrimEnd('/') + path + transform.Query.QueryString.ToUriComponent(), AsItIs);
            }

            return default;
        });
        bool isForUs = options.AccessToken is not null && context.Route.AuthorizationPolicy is null && !RouteMetadata.Parse(context.Route, []).KeepAuthorization;
        if (isForUs) context.AddRequestHeaderRemove("Authorization");
    }
}
