using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Gateway.Core.Caching;
using Gateway.Core.Memory;
using Gateway.Core.Memory.Shared;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Gateway.Core.Tracing;
using Gateway.Protocol;
using Gateway.Server.Overflow;
using Gateway.Server.Tenants;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.OpenInference;

/// <summary>Serves infer calls: reads the request, has it answered, writes the answer.</summary>
/// <remarks>
/// <b>Behaviour</b>: what exceeds its tenant's limits, or would be refused for want of room or time, is so before the body is read. A client that goes away cancels its request. The memory of the outputs is given
/// back before anything is flushed, so that a client that reads slowly holds up its own connection and nothing else.
/// <b>Threading</b>: any. <b>Cost</b>: no allocation of its own in steady state, but for the task that the server awaits.
/// </remarks>
internal sealed partial class InferEndpoint(ModelCatalog catalog, BlockPool pool, SharedRegions regions, OpenInferenceOptions options, CallerTenants tenants, TimeProvider time, ILogger logger, Passage passage)
{
    // As many as calls can be under way with the default bound of a queue; beyond it they are simply collected.
    private const int MostPooledExchanges = 4096;

    private readonly ConcurrentQueue<InferExchange> _exchanges = new();
    private int _pooled;

    /// <param name="version">What was looked up; 0 for the highest ready version.</param>
    public Task HandleAsync(HttpContext context, ServedModel model, long version)
    {
        long arrival = OverflowCall.ArrivalOf(context, time);
        long timeout = TimeoutHeader.Read(context.Request.Headers);
        CacheUse use = CacheHeaders.Read(context.Request.Headers);
        string? passedBy = passage.Of(context.Request.Headers, model);
        if (!LetsIn(context, tenants, model, timeout, use, out Tenant? tenant)) return Task.CompletedTask;
        if (!Compression.TryParse(context.Request.Headers.ContentEncoding.ToString(), out ContentCoding coding))
        {
            tenant?.Leave();
            context.Response.Headers.AcceptEncoding = Compression.Accepted;
            ErrorWriter.Write(context, StatusCode.Unsupported, "Unsupported compression type");
            return Task.CompletedTask;
        }

        InferenceRequest request = catalog.RentRequest(model, version, tenant);
        request.Trace?.ComeBy(TraceProtocol.Http);
        request.PassedBy = passedBy;
        request.IsWarmUp = WarmUpCall.Is(context, use);
        request.MayBeKeptElsewhere = OverflowCall.Of(context) is { MayBeKeptElsewhere: true };
        InferExchange exchange = Rent();
        exchange.Context = context;
        exchange.IsDecompressed = coding != ContentCoding.Identity;
        exchange.Request = request;
        exchange.TimeoutMicroseconds = timeout;
        exchange.Arrival = arrival;
        exchange.CacheUse = use;
        return ServeAsync(exchange);
    }

    /// <summary>Lets a call in before its body is read, or answers why not.</summary>
    /// <param name="timeout">The time that the client gives it from its arrival, in microseconds; 0 for none.</param>
    /// <param name="use">What headers say of the cache.</param>
    /// <param name="tenant">Whose call was let in, to leave when it is over; null where there are no tenants, and when this is false.</param>
    internal static bool LetsIn(HttpContext context, CallerTenants tenants, ServedModel model, long timeout, CacheUse use, out Tenant? tenant)
    {
        if (!tenants.TryEnter(context, out tenant, out TenantRefusal over))
        {
            tenant = null;
            ErrorWriter.WriteRefusal(context, StatusCode.ResourceExhausted, over.Reason.WireName(), over.RetryAfter, over.Text);
            return false;
        }

        long waited = OverflowCall.WaitedOf(context, model.Batcher.Time);
        if (!model.TurnsAway(timeout, out EarlyRefusal refusal, tenant, use, waited, isBeingRead: waited > 0)) return true;
        if (!OverflowCall.TakesOver(context, refusal, tenant))
        {
            tenant?.LeaveRefused(refusal.Reason);
            ErrorWriter.WriteRefusal(context, refusal);
        }

        tenant = null;
        return false;
    }

    /// <summary>Answers a request that was not answered well.</summary>
    internal static void Refuse(HttpContext context, InferenceRequest request)
    {
        if (OverflowCall.TakesOver(context, request)) return;
        if (request.Status == StatusCode.Unavailable) ErrorWriter.WriteRefusal(context, request.Status, request.Refusal.Reason.WireName(), request.RetryAfter, request.Error ?? "");
        else ErrorWriter.Write(context, request.Status, request.Error ?? "");
    }

    /// <remarks>
    /// One method waits for the answer, it is the task that the server awaits, and what it keeps is the exchange alone. A builder that pools keeps one state
    /// machine a core, far fewer than there are requests in flight, so each further layer of waiting would cost an allocation of its own.
    /// </remarks>
    private async Task ServeAsync(InferExchange exchange)
    {
        try
        {
            await ReadAsync(exchange).ConfigureAwait(false);
            exchange.ApplyHeaders(time);
            exchange.WatchClient();
            try
            {
                await exchange.Request!.Model.InferAsync(exchange.Request).ConfigureAwait(false);
            }
            finally
            {
                exchange.UnwatchClient();
            }

            if (exchange.Request.Status == StatusCode.Ok) await RespondAsync(exchange).ConfigureAwait(false);
            else Refuse(exchange.Context, exchange.Request);
        }
#pragma warning disable CA1031 // Whatever goes wrong is this call's error; the connection and everybody else go on.
        catch (Exception error) when (!exchange.Context.Response.HasStarted)
#pragma warning restore CA1031
        {
            Fail(exchange.Context, error, logger);
        }
        finally
        {
            Return(exchange);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ReadAsync(InferExchange exchange)
    {
        bool isRaw = Begin(exchange);
        exchange.Body = exchange.Context.Request.BodyReader;
        if (exchange.IsDecompressed) exchange.Body = exchange.Decompressed = await Compression.DecompressAsync(exchange.Body).ConfigureAwait(false);
        if (isRaw) await RawInput.ReadAsync(exchange).ConfigureAwait(false);
        else await InferBody.ReadAsync(exchange).ConfigureAwait(false);
    }

    /// <summary>Reads what the headers say of the body.</summary>
    /// <returns>Whether the request is a raw one.</returns>
    private bool Begin(InferExchange exchange)
    {
        HttpContext context = exchange.Context;
        // The limit is the protocol's own, with its own answer.
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit) limit.MaxRequestBodySize = null;
        long length = context.Request.ContentLength ?? -1;
        exchange.Limit = options.MaxInputBytes;
        exchange.BodyLength = exchange.IsDecompressed ? -1 : length;
        int? head = InferHeaders.Read(context.Request.Headers, exchange.BodyLength);
        exchange.HeadLength = head ?? exchange.BodyLength;
        if (length > exchange.Limit)
        {
            throw head is null ? Errors.JsonTooLarge(length, exchange.Limit)
                : head == 0 ? Errors.RawTooLarge(length, exchange.Limit)
                : Errors.BodyTooLarge(length, exchange.Limit);
        }

        if (head > exchange.Limit) throw Errors.JsonTooLarge(head.Value, exchange.Limit);
        return head == 0;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask RespondAsync(InferExchange exchange)
    {
        HttpContext context = exchange.Context;
        if (exchange.Known is { } known) known.WriteAnswer(exchange);
        else InferResponseWriter.WriteHead(exchange);
        HttpResponse response = context.Response;
        string acceptEncoding = context.Request.Headers.AcceptEncoding.ToString();
        ContentCoding coding = acceptEncoding.Length == 0 ? ContentCoding.Identity : Compression.Choose(acceptEncoding);
        long blobBytes = InferResponseWriter.BlobBytes(exchange);
        CacheHeaders.Write(response.Headers, exchange.Request!);
        ServerTiming.AddTo(context, exchange.Request!, options);
        if (coding != ContentCoding.Identity)
        {
            InferResponseWriter.Compress(exchange, coding);
            exchange.ReleaseRequest();
            response.Headers.ContentEncoding = Compression.Name(coding);
        }

        response.ContentLength = coding == ContentCoding.Identity ? exchange.Text.Length + blobBytes : exchange.CompressedText.Length;
        response.ContentType = blobBytes > 0 ? "application/octet-stream" : "application/json";
        if (blobBytes > 0) response.Headers[InferHeaders.HeadLength] = InferHeaders.Text(exchange.Text.Length);

        // With the headers out of the way the bytes go to the connection's own buffers; before, the server would hold and copy them once more.
        await response.StartAsync().ConfigureAwait(false);
        InferResponseWriter.WriteTo(response.BodyWriter, exchange, coding != ContentCoding.Identity);
        exchange.ReleaseRequest();
    }

    /// <summary>Answers a call whose handling failed.</summary>
    public static void Fail(HttpContext context, Exception error, ILogger logger)
    {
        switch (error)
        {
            case InferenceException known:
                ErrorWriter.Write(context, known.Status, known.Message);
                break;
            case BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout } slow:
                ErrorWriter.Write(context, StatusCodes.Status408RequestTimeout, slow.Message);
                break;
            case BadHttpRequestException bad:
                ErrorWriter.Write(context, StatusCode.InvalidArgument, bad.Message);
                break;
            case InvalidDataException corrupt:
                ErrorWriter.Write(context, StatusCode.InvalidArgument, $"failed to decompress the request body: {corrupt.Message}");
                break;
            case IOException or OperationCanceledException:
                // The client has gone; what is written here goes nowhere.
                ErrorWriter.Write(context, StatusCode.Cancelled, "the connection was closed before the request was read");
                break;
            default:
                Log.Failed(logger, context.Request.Path, error);
                ErrorWriter.Write(context, StatusCode.Internal, "internal error");
                break;
        }
    }

    private InferExchange Rent()
    {
        if (!_exchanges.TryDequeue(out InferExchange? exchange)) return new InferExchange(pool, regions);
        Interlocked.Decrement(ref _pooled);
        return exchange;
    }

    private void Return(InferExchange exchange)
    {
        exchange.Clear();
        if (Interlocked.Increment(ref _pooled) <= MostPooledExchanges) _exchanges.Enqueue(exchange);
        else Interlocked.Decrement(ref _pooled);
    }

    private static partial class Log
    {
        [LoggerMessage(4100, LogLevel.Error, "An infer call at {Path} failed unexpectedly.", EventName = "InferFailed")]
        public static partial void Failed(ILogger logger, string path, Exception error);
    }
}
