using System.Buffers;
using Gateway.Core.Caching;
using Gateway.Core.Memory;
using Gateway.Core.Memory.Shared;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Core.Tenants;
using Gateway.Core.Tracing;
using Gateway.Protocol;
using Gateway.Server.Overflow;
using Gateway.Server.Tenants;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.OpenInference;

/// <summary>The generate extension: a flat JSON object in and out, as an inference of any model.</summary>
/// <remarks>
/// <b>Behaviour</b>: the body is rewritten into an infer request (<see cref="GenerateRequest"/>), so what its values may be, and every error, is as there. A model gives one
/// answer; as a stream that is one event.
/// </remarks>
internal sealed class GenerateEndpoint(ModelCatalog catalog, BlockPool pool, SharedRegions regions, OpenInferenceOptions options, CallerTenants tenants, TimeProvider time)
{
    /// <param name="version">What was looked up; 0 for the highest ready version.</param>
    public async Task HandleAsync(HttpContext context, ServedModel model, long version, bool isStream)
    {
        long arrival = OverflowCall.ArrivalOf(context, time);
        long timeout = TimeoutHeader.Read(context.Request.Headers);
        if (!Compression.TryParse(context.Request.Headers.ContentEncoding.ToString(), out ContentCoding coding) || coding != ContentCoding.Identity)
        {
            throw Errors.Invalid("Unsupported content-encoding, only 'identity' is supported.");
        }

        CacheUse use = CacheHeaders.Read(context.Request.Headers);
        if (!InferEndpoint.LetsIn(context, tenants, model, timeout, use, out Tenant? tenant)) return;
        InferExchange exchange = new(pool, regions) { Context = context, Limit = options.MaxInputBytes, TimeoutMicroseconds = timeout, Arrival = arrival, CacheUse = use };
        try
        {
            using (WholeBody body = await ReadAsync(context, tenant).ConfigureAwait(false))
            {
                // Not before the body is there: a model that is replaced meanwhile need not wait for it.
                exchange.Request = catalog.RentRequest(model, version, tenant);
                exchange.Request.Trace?.ComeBy(TraceProtocol.Http, arrival);
                exchange.Request.MayBeKeptElsewhere = OverflowCall.Of(context) is { MayBeKeptElsewhere: true };
                Read(body.Bytes, exchange);
            }

            exchange.ApplyHeaders(time);
            exchange.WatchClient();
            try
            {
                await exchange.Request.Model.InferAsync(exchange.Request).ConfigureAwait(false);
            }
            finally
            {
                exchange.UnwatchClient();
            }

            Respond(exchange, isStream);
        }
        finally
        {
            exchange.Clear();
        }
    }

    /// <summary>Reads the body of a caller that was let in, who leaves if that fails.</summary>
    private async Task<WholeBody> ReadAsync(HttpContext context, Tenant? tenant)
    {
        try
        {
            return await WholeBody.ReadAsync(context, pool, options.MaxInputBytes).ConfigureAwait(false);
        }
        catch
        {
            tenant?.Leave();
            throw;
        }
    }

    private void Read(ReadOnlySpan<byte> body, InferExchange exchange)
    {
        TextBuffer json = new(pool);
        try
        {
            GenerateRequest.Rewrite(body, exchange.Request!.Model, json);
            InferRequestReader.Read(json.Written, exchange, isAllJson: true);
        }
        finally
        {
            json.Clear();
        }
    }

    private void Respond(InferExchange exchange, bool isStream)
    {
        HttpContext context = exchange.Context;
        InferenceRequest request = exchange.Request!;
        bool isOk = request.Status == StatusCode.Ok;
        if (!isOk && !isStream)
        {
            InferEndpoint.Refuse(context, request);
            return;
        }

        // Another server may answer it: there is no event to be sent yet.
        if (!isOk && OverflowCall.TakesOver(context, request)) return;

        if (request.Status == StatusCode.Unavailable) ErrorWriter.AddRefusal(context, request.Refusal.Reason, request.RetryAfter);
        TextBuffer text = exchange.Text;
        if (isStream) text.Write("data: "u8);
        if (isOk)
        {
            GenerateAnswer.Write(text, exchange);
        }
        else
        {
            text.Write("{\"error\":"u8);
            JsonText.WriteString(text, request.Error ?? "");
            text.Write((byte)'}');
        }

        if (isStream) text.Write("\n\n"u8);
        HttpResponse response = context.Response;
        response.StatusCode = ErrorWriter.HttpStatus(request.Status);
        response.ContentType = isStream ? "text/event-stream; charset=utf-8" : "application/json";

        if (isOk)
        {
            CacheHeaders.Write(response.Headers, request);
            ServerTiming.AddTo(context, request, options);
        }

        // A stream's length is not known when it begins: it is chunked, even if there is one event.
        if (!isStream) response.ContentLength = text.Length;
        exchange.ReleaseRequest();
        response.BodyWriter.Write(text.Written);
    }
}
