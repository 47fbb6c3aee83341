using System.Globalization;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Gateway.Protocol;
using Gateway.Server.MessagePack;
using Gateway.Server.OpenInference;
using Gateway.Server.Overflow;
using Gateway.Server.Overflow.Forwarding;
using Gateway.Server.Proxy.Configuration;
using Gateway.Server.Tenants;
using Gateway.Server.TensorFlow;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Timeouts;

namespace Gateway.Server.Proxy.Models;

/// <summary>Serves requests of routes that name a model by that model's queue, whatever their path; what it will not take goes to the route's cluster, if it has one.</summary>
/// <remarks>
/// <b>Behaviour</b>: tenants' limits hold for what the cluster answers as for what the model does, but for what is not a POST. The cluster gets what is not a POST, what comes while the model is not ready, and what the queue refuses for want of room or time, before
/// the body is read or, with the body kept for that, after. The route's time limit is the request's deadline in the queue. <b>Threading</b>: any.
/// <b>Cost</b>: with a cluster, one more copy of the body.
/// </remarks>
internal sealed class ModelRoutes(ModelCatalog catalog, OpenInferenceHandler oip, MessagePackHandler messagePack, PredictEndpoint tensorFlow, OpenInferenceOptions options, BlockPool pool, CallerTenants tenants, TimeProvider time)
{
    // What a request is given whose time is over, so that the queue says so: none at all would be for ever.
    private const double LeastMilliseconds = 0.001;

    public Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        ProxyCall call = context.Features.Get<ProxyCall>()!;
        call.IsDecided = true;
        ProxyRoute route = call.Route;
        if (route.Metadata.Model is not { } model) return next(context);
        if (route.HasUpstream && !Takes(context, model, route.Metadata.Version))
        {
            if (tenants.AreOn && HttpMethods.IsPost(context.Request.Method)) return ForwardAsync(context, route, model, next);
            route.Counts.TakenByUpstream();
            return next(context);
        }

        if (!HttpMethods.IsPost(context.Request.Method))
        {
            context.Response.Headers.Allow = HttpMethods.Post;
            ErrorWriter.Write(context, StatusCodes.Status405MethodNotAllowed, "Method Not Allowed");
            return Task.CompletedTask;
        }

        if (IsOfUnknownLength(context, route.Config.MaxRequestBodySize))
        {
            ErrorWriter.Write(context, StatusCodes.Status411LengthRequired, $"route '{route.Config.RouteId}': the request must say its Content-Length");
            return Task.CompletedTask;
        }

        return route.HasUpstream ? ServeOrForwardAsync(context, call, model, next) : ServeAsync(context, call, model);
    }

    private Task ServeAsync(HttpContext context, ProxyCall call, string model)
    {
        ProxyRoute route = call.Route;
        route.Counts.TakenByModel();
        SetDeadline(context, call.TimeLeft);
        return route.Metadata.Protocol switch
        {
            RouteProtocol.MsgPack => messagePack.InferAsync(context, model, route.Metadata.Version),
            RouteProtocol.TensorFlow => tensorFlow.HandleAsync(context, model, route.Metadata.Version),
            _ => oip.InferAsync(context, model, route.Metadata.Version),
        };
    }

    /// <summary>Keeps the body, so that what the queue refuses only once it has read it can still go to the cluster, as it came.</summary>
    private async Task ServeOrForwardAsync(HttpContext context, ProxyCall call, string model, RequestDelegate next)
    {
        IRequestBodyPipeFeature? own = context.Features.Get<IRequestBodyPipeFeature>();
        WholeBody? body = null;
        Tenant? tenant = null;
        OverflowCall? overflow = null;

        // What is added for the queue is not the cluster's.
        bool saysTime = context.Request.Headers.ContainsKey(TimeoutHeader.Name);
        try
        {
            // A client's own time counts from here; what the route still has does so since the body is there.
            long came = time.GetTimestamp();
            body = await WholeBody.ReadAsync(context, pool, options.MaxInputBytes).ConfigureAwait(false);
            overflow = new OverflowCall(saysTime ? came : time.GetTimestamp());
            context.Features.Set(overflow);
            context.Features.Set<IRequestBodyPipeFeature>(new BufferedBody(body.Memory));
            await ServeAsync(context, call, model).ConfigureAwait(false);
            context.Features.Set<OverflowCall>(null);
            context.Features.Set(own);
            if (overflow.Refusal == RefusalReason.None) return;
            if (!saysTime) context.Request.Headers.Remove(TimeoutHeader.Name);
            call.Route.Counts.TakenByUpstream();
            using TimeLeft left = new(context, call.TimeLeft);
            tenant = overflow.TakeTenant();
            await ForwardAsync(context, next, body, tenant, overflow.Rows > 0 ? overflow.Rows : RowsOf(call.Route, model, body, tenant)).ConfigureAwait(false);
        }
        catch (InferenceException error)
        {
            ErrorWriter.Write(context, error.Status, error.Message);
        }
        catch (BadHttpRequestException error) when (!context.Response.HasStarted)
        {
            ErrorWriter.Write(context, error.StatusCode, error.Message);
        }
        finally
        {
            // Of what the queue refused, it is in flight until the cluster has answered.
            tenant?.Leave();
            overflow?.TakeTenant()?.Leave();
            body?.Dispose();
        }
    }

    /// <summary>Has the cluster answer what never came to the queue, within its tenant's limits.</summary>
    private async Task ForwardAsync(HttpContext context, ProxyRoute route, string model, RequestDelegate next)
    {
        Tenant? tenant = null;
        WholeBody? body = null;
        try
        {
            if (!tenants.TryEnter(context.Request.Headers, out Tenant? found, out TenantRefusal over)) throw over.ToException();
            tenant = found;
            route.Counts.TakenByUpstream();

            // What is larger, or does not say how large it is, goes on unread, as one row.
            if (context.Request.ContentLength <= options.MaxInputBytes) body = await WholeBody.ReadAsync(context, pool, options.MaxInputBytes).ConfigureAwait(false);
            await ForwardAsync(context, next, body, tenant, RowsOf(route, model, body, tenant)).ConfigureAwait(false);
        }
        catch (InferenceException error)
        {
            if (route.Metadata.Protocol == RouteProtocol.MsgPack) MessagePackHandler.WriteError(context, error.Status, error.Message, error.RetryAfter, error.Refusal);
            else ErrorWriter.WriteRefusal(context, error.Status, error.Refusal, error.RetryAfter, error.Message);
        }
        catch (BadHttpRequestException error) when (!context.Response.HasStarted)
        {
            ErrorWriter.Write(context, error.StatusCode, error.Message);
        }
        finally
        {
            tenant?.Leave();
            body?.Dispose();
        }
    }

    /// <summary>Sends a request to the cluster, which knows no tenants: its rows are drawn here.</summary>
    /// <param name="body">What has been read of it; null where it has not been.</param>
    private static async Task ForwardAsync(HttpContext context, RequestDelegate next, WholeBody? body, Tenant? tenant, int rows)
    {
        if (body is not null) context.Request.Body = new BufferedBody(body.Memory).Reader.AsStream();
        tenant?.DrawRows(rows);
        try
        {
            await next(context).ConfigureAwait(false);
        }
        catch
        {
            tenant?.GiveBackRows(rows);
            throw;
        }

        if (context.Response.StatusCode < StatusCodes.Status400BadRequest) tenant?.CountAnswered(rows);
        else tenant?.GiveBackRows(rows);
    }

    private int RowsOf(ProxyRoute route, string model, WholeBody? body, Tenant? tenant)
    {
        if (tenant is null || body is null || (catalog.TryFind(model, route.Metadata.Version, out ServedModel? served) && !served.Layout.IsBatching)) return 1;
        return route.Metadata.Protocol == RouteProtocol.MsgPack ? BodyRows.OfMessagePack(body.Bytes) : BodyRows.OfJson(body.Bytes);
    }

    private bool Takes(HttpContext context, string name, long version)
    {
        if (!HttpMethods.IsPost(context.Request.Method) || catalog.IsReady(name, version) is not true) return false;
        try
        {
            return !catalog.Find(name, version).TurnsAway(TimeoutHeader.Read(context.Request.Headers), out EarlyRefusal _);
        }
        catch (InferenceException error)
        {
            // What is wrong with the request itself is for the protocol to answer; a model may also have gone this moment.
            return error.Status == StatusCode.InvalidArgument;
        }
    }

    /// <summary>The protocols have one limit for all bodies: a smaller one of a route is held before they begin, which needs the length.</summary>
    private bool IsOfUnknownLength(HttpContext context, long? limit) => limit is >= 0 and { } most && most < options.MaxInputBytes && context.Request.ContentLength is null;

    /// <param name="left">Null for no limit.</param>
    private static void SetDeadline(HttpContext context, TimeSpan? left)
    {
        if (left is not { } time) return;

        // The queue says in its own words that time is over.
        context.Features.Get<IHttpRequestTimeoutFeature>()?.DisableTimeout();
        if (context.Request.Headers.ContainsKey(TimeoutHeader.Name)) return;
        context.Request.Headers[TimeoutHeader.Name] = Math.Max(LeastMilliseconds, time.TotalMilliseconds).ToString("0.###", CultureInfo.InvariantCulture);
    }

    /// <summary>The route's limit, once more, of what its cluster has left after the queue.</summary>
    private sealed class TimeLeft : IHttpRequestTimeoutFeature, IDisposable
    {
        private static readonly TimeSpan Least = TimeSpan.FromMilliseconds(1);

        private readonly CancellationTokenSource _limit = new();
        private readonly CancellationTokenSource _either;
        private readonly HttpContext _context;
        private readonly CancellationToken _aborted;
        private bool _isDisposed;

        /// <param name="time">Null for no limit.</param>
        public TimeLeft(HttpContext context, TimeSpan? time)
        {
            _context = context;
            _aborted = context.RequestAborted;
            RequestTimeoutToken = _limit.Token;
            _either = CancellationTokenSource.CreateLinkedTokenSource(_aborted, _limit.Token);
            if (time is not { } left) return;
            context.RequestAborted = _either.Token;
            context.Features.Set<IHttpRequestTimeoutFeature>(this);
            _limit.CancelAfter(left > Least ? left : Least);
        }

        public CancellationToken RequestTimeoutToken { get; }

        public void DisableTimeout()
        {
            if (!_isDisposed) _limit.CancelAfter(Timeout.InfiniteTimeSpan);
        }

        public void Dispose()
        {
            _isDisposed = true;
            _context.RequestAborted = _aborted;
            _either.Dispose();
            _limit.Dispose();
        }
    }
}
