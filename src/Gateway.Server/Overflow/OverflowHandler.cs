using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Overflow;
using Gateway.Core.Overflow.Replicas;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Gateway.Protocol;
using Gateway.Server.MessagePack;
using Gateway.Server.OpenInference;
using Gateway.Server.Overflow.Forwarding;
using Gateway.Server.Overflow.Reports;
using Gateway.Server.Tenants;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Gateway.Server.Overflow;

/// <summary>Stands before the protocols over HTTP: has infer calls that this gateway cannot answer in time answered by replicas, and tells replicas how loaded it is.</summary>
/// <remarks>
/// <b>Behaviour</b>: while nothing waits, calls pass by untouched. A call that may have to go elsewhere is read as a whole first, so that it can be sent to one server after
/// the other, as it came. <b>Threading</b>: any. <b>Cost</b>: of calls that pass by, a look at the path and at the queue's length.
/// </remarks>
internal sealed class OverflowHandler(Replicas replicas, OverflowDispatch dispatch, LoadReporter reporter, ModelCatalog catalog, BlockPool pool, CallerTenants tenants, OpenInferenceOptions options, OverflowSettings settings)
{
    // A call that is not near its deadline is served here without being kept for others.
    private const double NearShare = 0.5;

    // Of a call whose tensors lie in this machine's memory: nobody else can read them. What only looks like one is served here as well.
    private static readonly byte[] SharedMark = "\"shared_memory_region\""u8.ToArray();

    private static readonly string? Busy = RefusalReason.DeadlineBehindQueue.WireName();

    public Task HandleAsync(HttpContext context, RequestDelegate next)
    {
        string target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        Route route = Route.Parse(target);
        if (route.Kind == RouteKind.Foreign && target == ServerReport.Path && HttpMethods.IsGet(context.Request.Method)) return Report(context);
        if (route.Kind is not (RouteKind.Infer or RouteKind.Generate) || !HttpMethods.IsPost(context.Request.Method)) return next(context);
        long timeout;
        long version;
        try
        {
            version = route.Version();
            timeout = TimeoutHeader.Read(context.Request.Headers);
        }
        catch (InferenceException)
        {
            // Whoever serves it says so in the protocol's words.
            return next(context);
        }

        catalog.TryFind(route.Model, version, out ServedModel? model);
        if (context.Request.Headers.ContainsKey(OverflowHeaders.Origin)) return HandleForwarded(context, next, model, timeout);
        if (replicas.Fleet.Watched.IsEmpty || (model is not null && !OverflowDispatch.MayLeave(model))) return next(context);
        OverflowQuestion question = dispatch.Ask(model, timeout);
        ModelKey key = new(route.Model.ToString(), version);
        return ServeAsync(context, next, model, key, question, target);
    }

    private Task Report(HttpContext context)
    {
        TextBuffer body = new(pool);
        try
        {
            reporter.ReportAll().Write(body);
            context.Response.ContentType = "application/octet-stream";
            context.Response.ContentLength = body.Length;
            context.Response.BodyWriter.Write(body.Written);
            return Task.CompletedTask;
        }
        finally
        {
            body.Clear();
        }
    }

    /// <summary>Serves a call that another gateway has forwarded, or says at once that this one cannot either.</summary>
    private Task HandleForwarded(HttpContext context, RequestDelegate next, ServedModel? model, long timeout)
    {
        if (model is null) return next(context);
        context.Response.OnStarting(() =>
        {
            context.Response.Headers[OverflowHeaders.Load] = reporter.Report(model).ToHeader();
            return Task.CompletedTask;
        });
        if (dispatch.TakesForwarded(model, context.Request.Headers, timeout, out string text, out TimeSpan retryAfter)) return next(context);
        Refuse(context, RefusalReason.DeadlineBehindQueue.WireName(), retryAfter, text);
        return Task.CompletedTask;
    }

    [SuppressMessage("Reliability", "CA2000", Justification = "The body is disposed in the finally clause.")]
    private async Task ServeAsync(HttpContext context, RequestDelegate next, ServedModel? model, ModelKey key, OverflowQuestion question, string target)
    {
        OverflowRun run = dispatch.Begin(key, question, settings.Now());
        OverflowDecision decision = dispatch.Decide(run, out Sending sending);
        if (decision.Kind == OverflowKind.Refuse && model is null)
        {
            // Nobody has it, which the protocol says in its own words; or those that do have no time.
            if (!replicas.Fleet.Knows(key)) await next(context).ConfigureAwait(false);
            else Refuse(context, Busy, TimeSpan.FromMicroseconds(decision.RetryAfter), OverflowDispatch.NoReplica(key));
            return;
        }

        if (decision.Kind == OverflowKind.Local && question.Remaining != OverflowQuestion.Never && question.Local < NearShare * question.Remaining)
        {
            await next(context).ConfigureAwait(false);
            return;
        }

        OverflowCall call = new();
        WholeBody? body = null;
        try
        {
            try
            {
                if (!TryEnter(context, call, out TenantRefusal over)) throw over.ToException();
                body = await WholeBody.ReadAsync(context, pool, options.MaxInputBytes).ConfigureAwait(false);
            }
            catch (Exception error)
            {
                if (decision.Kind == OverflowKind.Forward) sending.Abandon();
                Fail(context, error);
                return;
            }

            context.Features.Set(call);
            IRequestBodyPipeFeature? own = context.Features.Get<IRequestBodyPipeFeature>();
            await RunAsync(context, next, call, run, decision, sending, new ForwardedCall(context.Request.Method, target, context.Request.Headers, body.Memory, IsGrpc: false)).ConfigureAwait(false);
            context.Features.Set(own);
        }
        finally
        {
            call.TakeTenant()?.Leave();
            context.Features.Set<OverflowCall>(null);
            body?.Dispose();
        }
    }

    /// <exception cref="InferenceException">It is nobody's who may call.</exception>
    private bool TryEnter(HttpContext context, OverflowCall call, out TenantRefusal over)
    {
        if (!tenants.TryEnter(context.Request.Headers, out Tenant? tenant, out over)) return false;
        call.Enter(tenant);
        return true;
    }

    private async Task RunAsync(HttpContext context, RequestDelegate next, OverflowCall call, OverflowRun run, OverflowDecision decision, Sending sending, ForwardedCall forwarded)
    {
        bool mustStay = forwarded.Body.Span.IndexOf(SharedMark) >= 0;
        while (true)
        {
            if (decision.Kind == OverflowKind.Forward && mustStay) sending.Abandon();
            switch (decision.Kind)
            {
                case OverflowKind.Forward when !mustStay:
                    using (ForwardedAnswer answer = await dispatch.ForwardAsync(run, forwarded, decision, sending, context.RequestAborted).ConfigureAwait(false))
                    {
                        if (answer.Kind == ForwardedKind.Abandoned) return;
                        if (answer.Kind == ForwardedKind.Answered)
                        {
                            Answer(context, answer, sending.Replica.Address);
                            return;
                        }
                    }

                    break;
                default:
                    // Also what the fleet cannot do in time: this gateway's own admission knows best what it can.
                    if (run.IsRefusedHere)
                    {
                        TimeSpan after = TimeSpan.FromMicroseconds(decision.RetryAfter);
                        Refuse(context, call.Refusal, call.RetryAfter is { } own && own < after ? own : after, call.Text);
                        return;
                    }

                    if (!catalog.TryFind(run.Model.Name, run.Model.Version, out _))
                    {
                        Refuse(context, Busy, TimeSpan.FromMicroseconds(decision.RetryAfter), OverflowDispatch.NoReplica(run.Model));
                        return;
                    }

                    call.Forget();
                    context.Features.Set<IRequestBodyPipeFeature>(new BufferedBody(forwarded.Body));
                    await next(context).ConfigureAwait(false);
                    if (call.Refusal is null) return;
                    run.RefusedHere(call.TimeoutMicroseconds);
                    break;
            }

            decision = dispatch.Decide(run, out sending);
        }
    }

    /// <summary>Refuses in the words of the call's protocol.</summary>
    private static void Refuse(HttpContext context, string? reason, TimeSpan retryAfter, string text)
    {
        // It is the client's now.
        context.Features.Set<OverflowCall>(null);
        if (MessagePackHandler.IsMessagePack(context.Request.ContentType)) MessagePackHandler.WriteError(context, StatusCode.Unavailable, text, retryAfter, reason);
        else ErrorWriter.WriteRefusal(context, StatusCode.Unavailable, reason, retryAfter, text);
    }

    private void Fail(HttpContext context, Exception error)
    {
        context.Features.Set<OverflowCall>(null);
        if (error is InferenceException known && MessagePackHandler.IsMessagePack(context.Request.ContentType)) MessagePackHandler.WriteError(context, known.Status, known.Message, known.RetryAfter, known.Refusal);
        else if (error is InferenceException { Refusal: not null } refused) ErrorWriter.WriteRefusal(context, refused.Status, refused.Refusal, refused.RetryAfter, refused.Message);
        else dispatch.Fail(context, error);
    }

    private static void Answer(HttpContext context, ForwardedAnswer answer, string servedBy)
    {
        HttpResponse response = context.Response;
        response.StatusCode = answer.Status;
        foreach (var header in answer.Headers) response.Headers[header.Key] = header.Value;
        response.Headers[OverflowHeaders.ServedBy] = servedBy;
        response.ContentLength = answer.Body.Length;
        response.BodyWriter.Write(answer.Body.Written);
    }
}
