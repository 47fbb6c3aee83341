using Gateway.Server.Overflow;
using Gateway.Server.Proxy.Configuration;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace Gateway.Server.Proxy;

/// <summary>Stands around each proxied request: counts it, refuses a body that says it is too large, and answers what could not be forwarded with the reason.</summary>
internal sealed partial class ProxyCalls(ProxyConfigSource source, TimeProvider time, ILogger logger)
{
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        ProxyRoute route = ProxyRouting.RouteOf(context)!;
        long start = time.GetTimestamp();
        ProxyCall call = new(context, route, route.Metadata.MaxResponseBytes ?? source.Current.Options.MaxResponseBytes ?? long.MaxValue, start);
        context.Features.Set(call);
        route.Counts.Begin();
        ForwarderError error = ForwarderError.None;
        try
        {
            if (route.Config.MaxRequestBodySize is >= 0 and { } limit && context.Request.ContentLength > limit)
            {
                Answer(context, ProxyFailure.TooLarge(route.Config.RouteId), route);
                return;
            }

            if (route.HasUpstream && Passage.HasPassed(Passage.Of(context.Request.Headers), route.Mark))
            {
                Answer(context, ProxyFailure.Loop(route.Config.RouteId), route);
                return;
            }

            await next(context).ConfigureAwait(false);
            error = Explain(call);
        }
        catch (OperationCanceledException) when (IsTimedOut(context) && !context.Response.HasStarted)
        {
            error = ForwarderError.RequestTimedOut;
            Answer(context, ProxyFailure.Of(error, null, 0, route.Config.RouteId, isTimedOut: true), route);
        }
        finally
        {
            route.Counts.End(context.Response.StatusCode, (long)time.GetElapsedTime(start).TotalNanoseconds, error, call.ResponseBytes);
        }
    }

    private ForwarderError Explain(ProxyCall call)
    {
        HttpContext context = call.Context;
        ProxyRoute route = call.Route;
        IForwarderErrorFeature? error = context.Features.Get<IForwarderErrorFeature>();
        if (error is null)
        {
            // Its time ran out while it waited for its turn: whoever had it wait has left it without an answer.
            if (call.IsDecided || context.Response.HasStarted || !IsTimedOut(context)) return ForwarderError.None;
            Answer(context, ProxyFailure.Of(ForwarderError.RequestTimedOut, null, 0, route.Config.RouteId, isTimedOut: true), route);
            return ForwarderError.RequestTimedOut;
        }

        LogFailure(call, error);
        ProxyFailure failure = ProxyFailure.Of(error.Error, error.Exception, context.Response.StatusCode, route.Config.RouteId, IsTimedOut(context));
        if (context.Response.HasStarted)
        {
            if (failure.Limit is { } exceeded) route.Counts.Limited(exceeded);
            return error.Error;
        }

        Answer(context, failure, route);
        return error.Error;
    }

    private static void Answer(HttpContext context, ProxyFailure failure, ProxyRoute route)
    {
        if (failure.Limit is { } limit) route.Counts.Limited(limit);
        ProxyErrors.Write(context, failure);
    }

    private void LogFailure(ProxyCall call, IForwarderErrorFeature error)
    {
        Exception? reason = error.Exception;
        while (reason is AggregateException or { InnerException: not null }) reason = reason.InnerException;

        // A client that goes away is no failure of the route's.
        bool isClientGone = reason is OperationCanceledException or Microsoft.AspNetCore.Connections.ConnectionAbortedException || call.Context.RequestAborted.IsCancellationRequested;
        if (isClientGone && error.Error is not ForwarderError.RequestTimedOut && !IsTimedOut(call.Context)) return;
        if (!call.Route.Logs(time.GetTimestamp(), time, out long unlogged)) return;
        string destination = call.Context.Features.Get<IReverseProxyFeature>()?.ProxiedDestination?.Model.Config.Address ?? "no destination";
        Log.Failed(logger, call.Route.Config.RouteId, error.Error, destination, reason?.Message ?? "", unlogged);
    }

    private static bool IsTimedOut(HttpContext context) => context.Features.Get<IHttpRequestTimeoutFeature>()?.RequestTimeoutToken.IsCancellationRequested == true;

    private static partial class Log
    {
        [LoggerMessage(4520, LogLevel.Warning, "Route {Route}: {Error} at {Destination}: {Reason} (and {Unlogged} failures since the last that was logged)", EventName = "ProxyFailed")]
        public static partial void Failed(ILogger logger, string route, ForwarderError error, string destination, string reason, long unlogged);
    }
}
