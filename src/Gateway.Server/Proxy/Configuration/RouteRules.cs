using Microsoft.AspNetCore.Routing.Patterns;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Server.Proxy.Configuration;

/// <summary>What must hold of a route beyond what YARP asks, and the defaults that it is completed with.</summary>
/// <remarks>Whatever would be silently without effect here is refused by name.</remarks>
internal static class RouteRules
{
    private const string Anonymous = "anonymous";
    private const string Default = "default";
    private const string Disable = "disable";

    /// <param name="settings">With the clusters; its routes are not looked at.</param>
    /// <param name="asksForToken">Whether the server has an access token.</param>
    /// <returns>The route as YARP is to have it; of use when there are no problems.</returns>
    public static RouteConfig Complete(RouteConfig route, ProxySettings settings, bool asksForToken, List<string> problems)
    {
        string at = $"ReverseProxy:Routes:{route.RouteId}";
        RouteMetadata metadata = RouteMetadata.Parse(route, problems);
        if (string.IsNullOrEmpty(route.ClusterId) && metadata.Model is null) problems.Add($"{at}: names neither a ClusterId nor, in its Metadata, a Model");
        if (route.ClusterId is { Length: > 0 } cluster && !settings.Clusters.Any(each => each.ClusterId.Equals(cluster, StringComparison.OrdinalIgnoreCase)))
        {
            problems.Add($"{at}:ClusterId: there is no cluster '{cluster}'");
        }

        if (!metadata.BeforeInference && IsUnderInference(route.Match?.Path))
        {
            problems.Add($"{at}:Match:Path: '{route.Match!.Path}' is the inference protocol's, which would answer first (to take it away from it: Metadata BeforeInference true)");
        }

        if (route.CorsPolicy is { } cors) problems.Add($"{at}:CorsPolicy: '{cors}' is not supported (the upstream's own CORS headers pass through)");
        if (route.OutputCachePolicy is { } output) problems.Add($"{at}:OutputCachePolicy: '{output}' is not supported");
        CheckPolicies(route, settings, asksForToken, at, problems);
        if (route.MaxRequestBodySize is < -1) problems.Add($"{at}:MaxRequestBodySize: {route.MaxRequestBodySize} is not valid (allowed -1 for no limit, or bytes)");
        TimeSpan? total = route.ClusterId is { } name && settings.Resilience.TryGetValue(name, out ResilienceOptions? resilience) ? resilience.TotalTimeout : null;
        return route with
        {
            AuthorizationPolicy = Is(route.AuthorizationPolicy, Default) ? null : route.AuthorizationPolicy,
            RateLimiterPolicy = Is(route.RateLimiterPolicy, Disable) ? null : route.RateLimiterPolicy,
            MaxRequestBodySize = route.MaxRequestBodySize ?? settings.Options.MaxRequestBytes,
            Timeout = route.TimeoutPolicy is null ? route.Timeout ?? total ?? settings.Options.Timeout : route.Timeout,
        };
    }

    /// <summary>Whether a path is written for what the inference protocol answers: <c>/v2</c> and all below it.</summary>
    private static bool IsUnderInference(string? path)
    {
        if (string.IsNullOrEmpty(path)) return false;
        try
        {
            IReadOnlyList<RoutePatternPathSegment> segments = RoutePatternFactory.Parse(path).PathSegments;

            // Routes match whatever the case, the protocol does not: /V2 is refused as well, for nobody would mean the difference.
            return segments is [{ IsSimple: true, Parts: [RoutePatternLiteralPart literal] }, ..] && Is(literal.Content, "v2");
        }
        catch (RoutePatternException)
        {
            // YARP says what is wrong with it.
            return false;
        }
    }

    private static void CheckPolicies(RouteConfig route, ProxySettings settings, bool asksForToken, string at, List<string> problems)
    {
        if (route.AuthorizationPolicy is { } authorization)
        {
            if (Is(authorization, Default) && !asksForToken) problems.Add($"{at}:AuthorizationPolicy: 'default' asks for the access token, and the server has none (see --access-token)");
            if (!Is(authorization, Default) && !Is(authorization, Anonymous)) problems.Add($"{at}:AuthorizationPolicy: there is no '{authorization}' (allowed {Anonymous}, {Default})");
        }

        if (route.RateLimiterPolicy is { } limit && !Is(limit, Disable) && !settings.RateLimits.ContainsKey(limit))
        {
            problems.Add($"{at}:RateLimiterPolicy: there is no Gateway:RateLimits:{limit}");
        }

        if (route.TimeoutPolicy is { } timeout && !Is(timeout, Disable)) problems.Add($"{at}:TimeoutPolicy: there is no '{timeout}' (allowed Disable; for a time of its own: Timeout)");
    }

    private static bool Is(string? given, string name) => name.Equals(given, StringComparison.OrdinalIgnoreCase);
}
