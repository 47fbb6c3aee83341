using System.Buffers;
using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Gateway.Core.Caching;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Gateway.Core.Tracing;
using Gateway.Protocol;
using Gateway.Protocol.Frames;
using Gateway.Protocol.MessagePack;
using Gateway.Server.OpenInference;
using Gateway.Server.Overflow;
using Gateway.Server.Tenants;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.MessagePack;

/// <summary>MessagePack over HTTP: on the Open Inference Protocol's routes, the maps of src/Gateway.Protocol/Frames/README.md as bodies.</summary>
/// <remarks>
/// <b>Behaviour</b>: takes infer requests of a MessagePack content type, and metadata requests that accept one; everything else is the JSON endpoint's.
/// <b>Threading</b>: any. <b>Cost</b>: no allocation of its own in steady state, but for the task that the server awaits.
/// </remarks>
public sealed partial class MessagePackHandler(ModelCatalog catalog, BlockPool pool, OpenInferenceOptions options, CallerTenants tenants, TimeProvider time, ILogger<MessagePackHandler> logger)
{
    private const string ContentType = "application/msgpack";

    // As many as calls can be under way with the default bound of a queue; beyond it they are simply collected.
    private const int MostPooledCalls = 4096;

    private readonly ConcurrentQueue<MessagePackCall> _calls = new();
    private int _pooled;

    /// <summary>Answers a call if it is one in MessagePack.</summary>
    /// <param name="handled">Completes when the call is answered.</param>
    /// <returns>False when the call is somebody else's; nothing has been done then.</returns>
    public bool TryHandle(HttpContext context, out Task handled)
    {
        handled = Task.CompletedTask;
        HttpRequest request = context.Request;
        bool isPost = HttpMethods.IsPost(request.Method);
        if (!IsMessagePack(isPost ? request.ContentType : request.Headers.Accept.ToString())) return false;
        Route route = Route.Of(context);
        try
        {
            switch (route.Kind)
            {
                case RouteKind.Infer when isPost:
                    handled = HandleInfer(context, Find(route), route.Version());
                    return true;
                case RouteKind.ServerMetadata when !isPost:
                    Write(context, StatusCodes.Status200OK, Messages.ServerMetadata(options.ServerName, options.ServerVersion, ServerExtensions));
                    return true;
                case RouteKind.ModelMetadata when !isPost:
                    ServedModel model = Find(route);
                    Write(context, StatusCodes.Status200OK, Messages.ModelMetadata(model, route.HasVersion ? [model] : catalog.ReadyVersions(route.Model)));
                    return true;
                default:
                    return false;
            }
        }
        catch (InferenceException error)
        {
            WriteError(context, error.Status, error.Message, error.RetryAfter, error.Refusal);
            return true;
        }
    }

    /// <summary>Answers an infer call that has come by a path of somebody else's, and without a word of what it speaks.</summary>
    /// <param name="version">0 for the highest ready version.</param>
    internal Task InferAsync(HttpContext context, string model, long version)
    {
        try
        {
            return HandleInfer(context, catalog.Find(model, version), version);
        }
        catch (InferenceException error)
        {
            WriteError(context, error.Status, error.Message, error.RetryAfter, error.Refusal);
            return Task.CompletedTask;
        }
    }

    /// <summary>What the protocol has of the Open Inference Protocol's extensions.</summary>
    internal static IReadOnlyList<string> ServerExtensions { get; } = ["schedule_policy", "parameters"];

    internal static bool IsMessagePack(ReadOnlySpan<char> mediaTypes)
    {
        foreach (Range range in mediaTypes.Split(','))
        {
            ReadOnlySpan<char> type = mediaTypes[range];
            int parameters = type.IndexOf(';');
            if (parameters >= 0) type = type[..parameters];
            type = type.Trim();
            if (type.Equals(ContentType, StringComparison.OrdinalIgnoreCase)
                || type.Equals("application/vnd.msgpack", StringComparison.OrdinalIgnoreCase)
                || type.Equals("application/x-msgpack", StringComparison.OrdinalIgnoreCase)) return true;
        }

        return false;
    }

    private ServedModel Find(in Route route)
    {
        long version = route.Version();
        if (route.HasVersion && version == 0) throw new InferenceException(StatusCode.NotFound, $"Request for unknown model: '{route.Model}' version 0 is not found");
        return catalog.Find(route.Model, version);
    }

    private Task HandleInfer(HttpContext context, ServedModel model, long version)
    {
        long arrival = OverflowCall.ArrivalOf(context, time);
        long timeout = TimeoutHeader.Read(context.Request.Headers);
        CacheUse use = CacheHeaders.Read(context.Request.Headers);
        if (!tenants.TryEnter(context, out Tenant? tenant, out TenantRefusal over))
        {
            WriteError(context, StatusCode.ResourceExhausted, over.Text, over.RetryAfter, over.Reason.WireName());
            return Task.CompletedTask;
        }

        long waited = OverflowCall.WaitedOf(context, time);
        if (model.TurnsAway(timeout, out EarlyRefusal refusal, tenant, use, waited, isBeingRead: waited > 0))
        {
            if (OverflowCall.TakesOver(context, refusal, tenant)) return Task.CompletedTask;
            tenant?.LeaveRefused(refusal.Reason);
            WriteError(context, StatusCode.Unavailable, refusal.Text.For(""), refusal.RetryAfter, refusal.Reason.WireName());
            return Task.CompletedTask;
        }

        if (!Compression.TryParse(context.Request.Headers.ContentEncoding.ToString(), out ContentCoding coding))
        {
            tenant?.Leave();
            context.Response.Headers.AcceptEncoding = Compression.Accepted;
            throw Malformed.Invalid("Unsupported compression type");
        }

        InferenceRequest request = catalog.RentRequest(model, version, tenant);
        request.Trace?.ComeBy(TraceProtocol.Http);
        MessagePackCall call = Rent();
        call.Context = context;
        call.Request = request;
        call.TimeoutMicroseconds = timeout;
        call.Arrival = arrival;
        request.MayBeKeptElsewhere = OverflowCall.Of(context) is { MayBeKeptElsewhere: true };
        return ServeAsync(call, coding != ContentCoding.Identity);
    }

    private async Task ServeAsync(MessagePackCall call, bool isCompressed)
    {
        try
        {
            await ReadAsync(call, isCompressed).ConfigureAwait(false);
            InferenceRequest request = call.Request!;
            request.LimitTime(call.TimeoutMicroseconds);
            request.Waited = time.GetTimestamp() - call.Arrival;
            CacheHeaders.Apply(call.Context.Request.Headers, request);
            ServerTiming.Note(request, call.Context.Request.Headers);
            RequestWatch watch = RequestWatch.Begin(call.Context, request);
            try
            {
                await request.Model.InferAsync(request).ConfigureAwait(false);
            }
            finally
            {
                watch.End();
            }

            if (request.Status == StatusCode.Ok) await RespondAsync(call).ConfigureAwait(false);
            else if (!OverflowCall.TakesOver(call.Context, request)) WriteError(call.Context, request.Status, request.Error ?? "", request.RetryAfter, request.Refusal.Reason.WireName());
        }
#pragma warning disable CA1031 // Whatever goes wrong is this call's error; the connection and everybody else go on.
        catch (Exception error) when (!call.Context.Response.HasStarted)
#pragma warning restore CA1031
        {
            Fail(call.Context, error);
        }
        finally
        {
            Return(call);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ReadAsync(MessagePackCall call, bool isCompressed)
    {
        HttpContext context = call.Context;
        // The limit is the protocol's own, with its own answer.
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit) limit.MaxRequestBodySize = null;
        long length = isCompressed ? -1 : context.Request.ContentLength ?? -1;
        if (length > options.MaxInputBytes) throw TooLarge(length);
        PipeReader body = context.Request.BodyReader;
        if (isCompressed) body = await Compression.DecompressAsync(body).ConfigureAwait(false);
        try
        {
            while (!Take(call, body, length, await body.ReadAsync().ConfigureAwait(false)))
            {
            }
        }
        finally
        {
            if (isCompressed) await body.CompleteAsync().ConfigureAwait(false);
        }
    }

    /// <returns>True when the request has been read.</returns>
    private bool Take(MessagePackCall call, PipeReader body, long length, ReadResult result)
    {
        ReadOnlySequence<byte> buffer = result.Buffer;
        MessageBlock gathered = call.Gathered;
        try
        {
            bool isAll = result.IsCompleted || buffer.Length == length;
            if (gathered.Block is null && isAll && buffer.IsSingleSegment)
            {
                Fill(call, buffer.FirstSpan, block: null, start: 0);
                buffer = buffer.Slice(buffer.End);
                return true;
            }

            if (gathered.Block is null) gathered.Begin(length, FrameLayout.FirstTensorOfRequest(buffer.FirstSpan));
            if (gathered.Bytes + buffer.Length > options.MaxInputBytes) throw TooLarge(gathered.Bytes + buffer.Length);
            gathered.Take(ref buffer);
            if (!result.IsCompleted && gathered.Bytes != length) return false;
            Fill(call, gathered.Message, gathered.Block, gathered.Start);
            return true;
        }
        finally
        {
            body.AdvanceTo(buffer.Start);
        }
    }

    private void Fill(MessagePackCall call, ReadOnlySpan<byte> message, MemoryBlock? block, int start)
    {
        InferenceRequest request = call.Request!;
        MessagePackReader reader = new(message);
        call.Message.Read(ref reader, message);
        if (call.Message.ModelName is { } name && !name.Of(message).SequenceEqual(System.Text.Encoding.UTF8.GetBytes(request.Model.Name)))
        {
            throw Malformed.Invalid($"'model_name' is not the model of the path, '{request.Model.Name}'");
        }

        call.Message.Fill(request, message, call.WantedOutputs);
        if (block is null)
        {
            InferMessage.CopyTensors(request, message, pool);
            return;
        }

        block.AddReference();
        InferMessage.AdoptTensors(request, block, start);
        request.CopiedBytes += message.Length;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask RespondAsync(MessagePackCall call)
    {
        HttpResponse response = call.Context.Response;
        response.ContentType = ContentType;
        CacheHeaders.Write(response.Headers, call.Request!);
        ServerTiming.AddTo(call.Context, call.Request!, options);
        response.ContentLength = InferAnswer.Bytes(call.Request!, call.WantedOutputs);

        // With the headers out of the way the bytes go to the connection's own buffers; before, the server would hold and copy them once more.
        await response.StartAsync().ConfigureAwait(false);
        InferAnswer.Write(response.BodyWriter, call.Request!, call.WantedOutputs);

        // Before the flush, which waits for a client that reads slowly.
        call.Request!.Dispose();
        call.Request = null;
    }

    private InferenceException TooLarge(long bytes) =>
        Malformed.Invalid($"request body size of {bytes} bytes exceeds the maximum allowed input size of {options.MaxInputBytes} bytes. Use --http-max-input-size to increase the limit.");

    private void Fail(HttpContext context, Exception error)
    {
        (StatusCode status, string text) = error switch
        {
            InferenceException known => (known.Status, known.Message),
            BadHttpRequestException bad => (StatusCode.InvalidArgument, bad.Message),
            InvalidDataException corrupt => (StatusCode.InvalidArgument, $"failed to decompress the request body: {corrupt.Message}"),

            // The client has gone; what is written here goes nowhere.
            IOException or OperationCanceledException => (StatusCode.Cancelled, "the connection was closed before the request was read"),
            _ => (StatusCode.Internal, "internal error"),
        };
        if (status == StatusCode.Internal) Log.Failed(logger, context.Request.Path, error);
        WriteError(context, status, text, (error as InferenceException)?.RetryAfter, (error as InferenceException)?.Refusal);
        if (error is BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout }) context.Response.StatusCode = StatusCodes.Status408RequestTimeout;
    }

    internal static void WriteError(HttpContext context, StatusCode status, string text, TimeSpan? retryAfter, string? refusal)
    {
        if (status is StatusCode.Unavailable or StatusCode.ResourceExhausted) ErrorWriter.AddRefusal(context, refusal, retryAfter);
        if (status == StatusCode.Unauthenticated) context.Response.Headers.WWWAuthenticate = "Bearer";
        Write(context, ErrorWriter.HttpStatus(status), Messages.Error(status, text, retryAfter, refusal));
    }

    private static void Write(HttpContext context, int httpStatus, byte[] body)
    {
        HttpResponse response = context.Response;
        response.StatusCode = httpStatus;
        response.ContentType = ContentType;
        response.ContentLength = body.Length;
        response.BodyWriter.Write(body);
    }

    private MessagePackCall Rent()
    {
        if (!_calls.TryDequeue(out MessagePackCall? call)) return new MessagePackCall(pool);
        Interlocked.Decrement(ref _pooled);
        return call;
    }

    private void Return(MessagePackCall call)
    {
        call.Clear();
        if (Interlocked.Increment(ref _pooled) <= MostPooledCalls) _calls.Enqueue(call);
        else Interlocked.Decrement(ref _pooled);
    }

    private static partial class Log
    {
        [LoggerMessage(4300, LogLevel.Error, "A MessagePack call at {Path} failed unexpectedly.", EventName = "MessagePackFailed")]
        public static partial void Failed(ILogger logger, string path, Exception error);
    }
}
