using Gateway.Server.OpenInference;
using Gateway.Server.Overflow.Reports;
using Gateway.Server.Proxy.Configuration;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.Proxy;

/// <summary>Finds out, before anybody asks for a token, whether a request is a proxied route's or the inference protocol's.</summary>
/// <remarks>
/// <b>Behaviour</b>: what lies under <c>/v2</c> is the protocol's, but for routes that say <c>BeforeInference</c>; where gateways ask each other how loaded they are is no route's at all. Both look at a path in their own way (the protocol at the target as it was
/// sent, routes at the decoded path), so whose a request is is decided here, once, by the protocol's. <b>Cost</b>: for inference, the taking apart of its path a second time.
/// </remarks>
internal static class ProxyRouting
{
    // Stands for all of the inference protocol: routing lets alone what has an endpoint.
    private static readonly Endpoint Inference = new(null, null, "inference");

    public static void UseProxyRouting(this WebApplication app, ProxyConfigSource source)
    {
        app.Use(next => context =>
        {
            if (IsReport(context) || (!source.HasRoutesBeforeInference && IsInference(context))) context.SetEndpoint(Inference);
            return next(context);
        });
        app.UseRouting();
        app.Use(next => context =>
        {
            // A general route that matches too has no say here, least of all on whether a token is asked for.
            if (RouteOf(context) is { Metadata.BeforeInference: false } && IsInference(context)) context.SetEndpoint(Inference);
            return next(context);
        });
    }

    /// <summary>The proxied route that a request is for; null for none.</summary>
    public static ProxyRoute? RouteOf(HttpContext context) => context.GetEndpoint()?.Metadata.GetMetadata<ProxyRoute>();

    private static bool IsInference(HttpContext context) => Route.Of(context).Kind != RouteKind.Foreign;

    // To a route that takes everything it would be one more path, and gateways would not know each other.
    private static bool IsReport(HttpContext context) => Route.TargetOf(context) == ServerReport.Path;
}
