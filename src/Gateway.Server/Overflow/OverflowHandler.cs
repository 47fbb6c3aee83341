using System.Buffers;
using System.Globalization;
using Gateway.Core.Caching;
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
using Microsoft.Extensions.Logging;

namespace Gateway.Server.Overflow;

/// <summary>Stands before the protocols over HTTP: has infer calls that this gateway cannot answer in time answered by replicas, and tells replicas how loaded it is.</summary>
/// <remarks>
/// <b>Behaviour</b>: what cannot be late here passes by untouched. A call that may have to go elsewhere is read as a whole first, so that it can be sent to one server after
/// the other, as it came. <b>Threading</b>: any. <b>Cost</b>: of calls that pass by, a look at the path, at the queue's length, and at whether an instance is idle.
/// </remarks>
internal sealed class OverflowHandler(Replicas replicas, OverflowDispatch dispatch, LoadReporter reporter, ModelCatalog catalog, BlockPool pool, CallerTenants tenants, OpenInferenceOptions options, OverflowSettings settings, ILogger<OverflowHandler> logger)
{
    // Of a call whose tensors lie in this machine's memory: nobody else can read them. What only looks like one is served here as well.
    private static readonly byte[] SharedMark = "\"shared_memory_region\""u8.ToArray();

    public Task HandleAsync(HttpContext context, RequestDelegate next)
    {
        string target = Route.TargetOf(context);
        Route route = Route.Parse(target);
        if (route.Kind == RouteKind.Foreign && target == ServerReport.Path && HttpMethods.IsGet(context.Request.Method)) return Report(context);
        if (route.Kind is not (RouteKind.Infer or RouteKind.Generate or RouteKind.GenerateStream) || !HttpMethods.IsPost(context.Request.Method)) return next(context);
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
        if (reporter.Watchers.Have(context.Request.Headers)) return HandleForwarded(context, next, model, timeout);
        if (replicas.Fleet.Watched.IsEmpty) return next(context);

        // What is generated is no answer that others keep.
        bool isGenerated = route.Kind != RouteKind.Infer;
        bool isKept = model is not null && !isGenerated && dispatch.HasRing(model);
        if (model is not null && !isKept && !OverflowDispatch.MayBeLate(model, timeout)) return next(context);

        // Not before: whoever serves it reads it too.
        if (!TryReadCacheUse(context, out CacheUse use)) return next(context);
        if (model is not null && !isKept && (use & CacheUse.OnlyIfCached) != 0) return next(context);
        OverflowQuestion question = dispatch.Ask(model, timeout);

        // Of a model whose requests have all the time there is, unless they say otherwise, its body may yet say so.
        bool mayHaveLess = question.Remaining == OverflowQuestion.Never && model is { Batcher.HasDeadlines: true };
        if (!isKept && !mayHaveLess && OverflowPolicy.StaysHere(question)) return next(context);
        ModelKey key = new(route.Model.ToString(), version);

        // Nobody has it, which the protocol says in its own words.
        if (model is null && !replicas.Fleet.Knows(key)) return next(context);
        return ServeAsync(context, next, dispatch.Begin(key, question, waited: 0, model, use, isForGateways: MessagePackHandler.IsMessagePack(context.Request.ContentType), isGenerated: isGenerated), PathOf(target));
    }

    /// <returns>False where its header has none of the words, which whoever serves it says in the protocol's.</returns>
    private static bool TryReadCacheUse(HttpContext context, out CacheUse use)
    {
        use = CacheUse.Ordinary;
        try
        {
            use = CacheHeaders.Read(context.Request.Headers);
            return true;
        }
        catch (InferenceException)
        {
            return false;
        }
    }

    private Task Report(HttpContext context)
    {
        reporter.Watchers.Note(context.Request.Headers);
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
        HttpRequest request = context.Request;
        if (request.Headers.ContainsKey(OverflowHeaders.WarmUp) && TryReadCacheUse(context, out CacheUse use) && use == CacheUse.Bypass)
        {
            context.Features.Set(new WarmUpCall(reporter.Watchers, request.Headers.ContentEncoding.Count > 0 ? null : request.ContentLength));
        }

        if (dispatch.TakesForwarded(model, context.Request.Headers, timeout, out string text, out TimeSpan retryAfter))
        {
            long patience = OverflowDispatch.PatienceOf(context.Request.Headers);
            if (model.CacheCounts is not null && patience < (timeout > 0 ? timeout : OverflowQuestion.Never)) SetTimeout(context, patience);
            return next(context);
        }

        Refuse(context, OverflowDispatch.Busy, retryAfter, text);
        return Task.CompletedTask;
    }

    /// <summary>A proxy may send the absolute form, which is for the one server that it names.</summary>
    private static string PathOf(string target) => target[0] == '/' || !Uri.TryCreate(target, UriKind.Absolute, out Uri? uri) ? target : uri.PathAndQuery;

    private async Task ServeAsync(HttpContext context, RequestDelegate next, OverflowRun run, string target)
    {
        OverflowCall call = new(settings.Time.GetTimestamp());
        WholeBody? body = null;
        IRequestBodyPipeFeature? own = context.Features.Get<IRequestBodyPipeFeature>();
        try
        {
            if (!tenants.TryEnter(context.Request.Headers, out Tenant? tenant, out TenantRefusal over)) throw over.ToException();
            call.Enter(tenant);
            run.Tenant = tenant;

            // Before anything is decided, which is soon out of date, and is booked with a replica that would wait.
            body = await WholeBody.ReadAsync(context, pool, options.MaxInputBytes).ConfigureAwait(false);
            context.Features.Set(call);

            // Only gateways warm each other up; a client's request is counted.
            context.Request.Headers.Remove(OverflowHeaders.WarmUp);
            ForwardedCall forwarded = new(context.Request.Method, target, context.Request.Headers, body.Memory, IsGrpc: false);
            bool mustStay = body.Bytes.IndexOf(SharedMark) >= 0;
            if (mustStay) await ServeHereAsync(context, next, forwarded).ConfigureAwait(false);
            else await RunAsync(context, next, call, run, forwarded).ConfigureAwait(false);
            if (mustStay && call.Refusal != RefusalReason.None)
            {
                call.TakeTenant()?.LeaveRefused(call.Refusal);
                Refuse(context, call.Refusal.WireName(), call.RetryAfter ?? TimeSpan.FromSeconds(1), call.Text);
            }
        }
#pragma warning disable CA1031 // Whatever goes wrong is this call's error; the connection and everybody else go on.
        catch (Exception error) when (!context.Response.HasStarted)
#pragma warning restore CA1031
        {
            Fail(context, error);
        }
        finally
        {
            context.Features.Set(own);
            context.Features.Set<OverflowCall>(null);
            call.TakeTenant()?.Leave();
            body?.Dispose();
        }
    }

    private async Task RunAsync(HttpContext context, RequestDelegate next, OverflowCall call, OverflowRun run, ForwardedCall forwarded)
    {
        while (true)
        {
            using Elsewhere elsewhere = await dispatch.TryElsewhereAsync(run, forwarded, context.RequestAborted).ConfigureAwait(false);
            switch (elsewhere.Kind)
            {
                case ElsewhereKind.Answered:
                    Answer(context, elsewhere.Answer!, elsewhere.ServedBy);
                    return;
                case ElsewhereKind.Abandoned:
                    return;
                case ElsewhereKind.Refused:
                    call.TakeTenant()?.LeaveRefused(run.RefusalReason);
                    Refuse(context, run.Reason, elsewhere.RetryAfter, run.Text);
                    return;
            }

            call.Again(run.LooksHereFirst);
            await ServeHereAsync(context, next, forwarded).ConfigureAwait(false);
            if (call.Place is { } place)
            {
                run.SentAway(place);
                continue;
            }

            if (call.Refusal == RefusalReason.None) return;
            run.Rows = call.Rows > 0 ? call.Rows : run.Rows;
            run.RefusedHere(call.Refusal, call.Text, call.RetryAfter, call.TimeoutMicroseconds);
        }
    }

    /// <summary>Has a call that was read served here, within the time that it has from its arrival.</summary>
    private static Task ServeHereAsync(HttpContext context, RequestDelegate next, ForwardedCall forwarded)
    {
        context.Features.Set<IRequestBodyPipeFeature>(new BufferedBody(forwarded.Body));
        return next(context);
    }

    private static void SetTimeout(HttpContext context, long microseconds) =>
        context.Request.Headers[TimeoutHeader.Name] = Math.Max(0.001, microseconds / 1000.0).ToString("0.###", CultureInfo.InvariantCulture);

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
        else InferEndpoint.Fail(context, error, logger);
    }

    private static void Answer(HttpContext context, ForwardedAnswer answer, string servedBy)
    {
        HttpResponse response = context.Response;
        response.StatusCode = answer.Status;
        foreach (var header in answer.Headers) response.Headers[header.Key] = header.Value;
        response.Headers[OverflowHeaders.ServedBy] = servedBy;

        // Of what is generated as a stream the length is not said, as nobody here says it, be it one event.
        if (answer.Headers.ContentType.ToString().StartsWith("text/event-stream", StringComparison.OrdinalIgnoreCase)) response.ContentLength = null;
        else response.ContentLength = answer.Body.Length;
        response.BodyWriter.Write(answer.Body.Written);
    }
}
