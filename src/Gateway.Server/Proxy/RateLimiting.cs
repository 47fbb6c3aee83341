using System.Threading.RateLimiting;
using Gateway.Server.Proxy.Configuration;
using Gateway.Server.Proxy.Metrics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Server.Proxy;

/// <summary>Limits the rate and the concurrency of routes, by ASP.NET Core's rate limiting.</summary>
/// <remarks>
/// <b>Behaviour</b>: one policy serves all routes, since those that it knows are fixed at start and those of the configuration are not; a route's limiter lives as long as its settings
/// stay. Those refused get 429, with the time until there is an allowance. <b>Threading</b>: any.
/// </remarks>
internal sealed class RateLimiting(ProxyConfigSource source) : IRateLimiterPolicy<RateLimiting.Key>
{
    public const string Policy = "gateway";

    // The allowance comes back in so many parts of a window.
    private const int Parts = 10;

    // Its parts are due for a tenth of a window, and a queue moves whenever a request ends: more cannot be said than that it is worth trying.
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(1);

    public Func<OnRejectedContext, CancellationToken, ValueTask>? OnRejected { get; } = static (rejected, _) =>
    {
        ProxyRoute route = ProxyRouting.RouteOf(rejected.HttpContext)!;
        route.Counts.Limited(LimitReason.Rate);
        if (rejected.HttpContext.Features.Get<ProxyCall>() is { } call) call.IsDecided = true;
        TimeSpan after = rejected.Lease.TryGetMetadata(MetadataName.RetryAfter, out TimeSpan known) ? known : Soon;
        ProxyErrors.Write(rejected.HttpContext, new ProxyFailure(StatusCodes.Status429TooManyRequests, $"route '{route.Config.RouteId}': too many requests", after));
        return default;
    };

    /// <summary>The route with the policy that YARP knows in place of the one that the configuration names.</summary>
    public static RouteConfig Named(RouteConfig route) => string.IsNullOrEmpty(route.RateLimiterPolicy) ? route : route with { RateLimiterPolicy = Policy };

    public RateLimitPartition<Key> GetPartition(HttpContext httpContext)
    {
        ProxyRoute? route = ProxyRouting.RouteOf(httpContext);
        string? name = route is null ? null : source.LimitOf(route.Config.RouteId);
        if (name is null || !source.Current.RateLimits.TryGetValue(name, out RateLimitOptions? options)) return RateLimitPartition.GetNoLimiter(new Key("", new RateLimitOptions()));
        return RateLimitPartition.Get(new Key(route!.Config.RouteId, options), static key => Make(key.Options));
    }

    private static RateLimiter Make(RateLimitOptions options)
    {
        RateLimiter? concurrency = options.Concurrency is { } most
            ? new ConcurrencyLimiter(new ConcurrencyLimiterOptions { PermitLimit = most, QueueLimit = options.Queue, QueueProcessingOrder = QueueProcessingOrder.OldestFirst })
            : null;
        if (options.Requests is not { } requests) return concurrency!;

        // Of few requests the parts are whole ones, and further apart.
        int parts = Math.Min(Parts, requests);
        TokenBucketRateLimiter rate = new(new TokenBucketRateLimiterOptions
        {
            TokenLimit = options.Burst ?? requests,
            TokensPerPeriod = requests / parts,
            ReplenishmentPeriod = options.Window / parts * ((double)(requests / parts * parts) / requests),
            QueueLimit = 0,
            AutoReplenishment = true,
        });

        // In this order: a request that cannot be let in for now is tried a second time, to wait, and has not cost the rate anything.
        return concurrency is null ? rate : RateLimiter.CreateChained(concurrency, rate);
    }

    /// <summary>Tells limiters apart: by route, and by what the limits are, so that a change makes a new one.</summary>
    internal readonly record struct Key(string Route, RateLimitOptions Options);
}
