using System.Buffers;
using Gateway.Core.Memory;
using Gateway.Core.Memory.Shared;
using Gateway.Core.Models;
using Gateway.Core.Tenants;
using Gateway.Core.Tracing;
using Gateway.Protocol;
using Gateway.Server.OpenInference;
using Gateway.Server.Overflow;
using Gateway.Server.Tenants;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.TensorFlow;

/// <summary>TensorFlow Serving's predict call over HTTP, as an inference of any model: rows under <c>instances</c>, or columns under <c>inputs</c>.</summary>
/// <remarks>
/// <b>Behaviour</b>: the answer has the request's form. There is one signature, the model itself; its name is not looked at. What exceeds limits, or would be refused for want of room or time, is so
/// before the body is read. <b>Threading</b>: any.
/// </remarks>
internal sealed class PredictEndpoint(ModelCatalog catalog, BlockPool pool, OpenInferenceOptions options, CallerTenants tenants, TimeProvider time, ILogger<PredictEndpoint> logger)
{
    /// <param name="version">0 for the highest ready version.</param>
    public async Task HandleAsync(HttpContext context, string name, long version)
    {
        InferExchange exchange = new(pool, SharedRegions.Disabled) { Context = context, Limit = options.MaxInputBytes, Arrival = OverflowCall.ArrivalOf(context, time) };
        Tenant? tenant = null;
        try
        {
            ServedModel model = catalog.Find(name, version);
            exchange.TimeoutMicroseconds = TimeoutHeader.Read(context.Request.Headers);
            exchange.CacheUse = CacheHeaders.Read(context.Request.Headers);
            if (!InferEndpoint.LetsIn(context, tenants, model, exchange.TimeoutMicroseconds, exchange.CacheUse, out tenant)) return;
            PredictForm form;
            using (WholeBody body = await WholeBody.ReadAsync(context, pool, options.MaxInputBytes).ConfigureAwait(false))
            {
                // Whether that goes well or not, the tenant is not this call's any more.
                Tenant? caller = tenant;
                tenant = null;
                exchange.Request = catalog.RentRequest(model, version, caller);
                exchange.Request.Trace?.ComeBy(TraceProtocol.Http);
                form = PredictRequest.Read(body.Bytes, exchange);
            }

            exchange.ApplyHeaders(time);
            exchange.Request.MayBeKeptElsewhere = OverflowCall.Of(context) is { MayBeKeptElsewhere: true };
            exchange.WatchClient();
            try
            {
                await exchange.Request.Model.InferAsync(exchange.Request).ConfigureAwait(false);
            }
            finally
            {
                exchange.UnwatchClient();
            }

            if (exchange.Request.Status == StatusCode.Ok) Respond(exchange, form);
            else InferEndpoint.Refuse(context, exchange.Request);
        }
#pragma warning disable CA1031 // Whatever goes wrong is this call's error; the connection and everybody else go on.
        catch (Exception error) when (!context.Response.HasStarted)
#pragma warning restore CA1031
        {
            InferEndpoint.Fail(context, error, logger);
        }
        finally
        {
            tenant?.Leave();
            exchange.Clear();
        }
    }

    private void Respond(InferExchange exchange, PredictForm form)
    {
        HttpResponse response = exchange.Context.Response;
        PredictAnswer.Write(exchange.Text, exchange.Request!, form);
        response.ContentType = "application/json";
        response.ContentLength = exchange.Text.Length;
        CacheHeaders.Write(response.Headers, exchange.Request!);
        ServerTiming.AddTo(exchange.Context, exchange.Request!, options);
        exchange.ReleaseRequest();
        response.BodyWriter.Write(exchange.Text.Written);
    }
}
