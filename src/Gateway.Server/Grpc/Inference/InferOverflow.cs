using System.Buffers;
using System.Text;
using Gateway.Core.Caching;
using Gateway.Core.Memory;
using Gateway.Core.Memory.Shared;
using Gateway.Core.Models;
using Gateway.Core.Overflow.Replicas;
using Gateway.Protocol;
using Gateway.Server.Grpc.Services;
using Gateway.Server.Grpc.Streaming;
using Gateway.Server.Grpc.Wire;
using Gateway.Server.Overflow;
using Gateway.Server.Overflow.Forwarding;
using Gateway.Server.Overflow.Reports;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.Grpc.Inference;

/// <summary>Has inferences over gRPC that this gateway cannot answer in time answered by replicas, and serves those that replicas have forwarded.</summary>
/// <remarks><b>Behaviour</b>: what cannot be late here passes by untouched. <b>Threading</b>: any.</remarks>
internal sealed class InferOverflow(Replicas replicas, OverflowDispatch dispatch, LoadReporter reporter, ModelCatalog catalog, BlockPool pool, OverflowSettings settings)
{
    private static readonly string LoadTrailer = OverflowHeaders.Load.ToLowerInvariant();
    private static readonly string ServedByTrailer = OverflowHeaders.ServedBy.ToLowerInvariant();

    /// <summary>Whether another gateway has forwarded a call.</summary>
    public bool IsForwarded(GrpcCall call) => reporter.Watchers.Have(call.Headers);

    /// <summary>Whether another gateway warms this one up with a call.</summary>
    /// <param name="use">What it says of the cache, which of a warm-up must be to leave it alone.</param>
    public bool IsWarmUp(GrpcCall call, CacheUse use) => use == CacheUse.Bypass && call.Headers.ContainsKey(OverflowHeaders.WarmUp) && IsForwarded(call);

    /// <summary>What lets such a call in; null for all others.</summary>
    /// <param name="bytes">Of its message.</param>
    public WarmUpCall? WarmUpOf(GrpcCall call, long bytes) => IsWarmUp(call, call.CacheUse) ? new WarmUpCall(reporter.Watchers, bytes) : null;

    /// <summary>Whether a call for a model may be answered elsewhere, so that it is not refused here before it is there as a whole.</summary>
    public bool MayLeave(GrpcCall call, ServedModel model) => !replicas.Fleet.Watched.IsEmpty && dispatch.MayLeave(model, LeftOf(call), call.CacheUse) && !IsForwarded(call);

    /// <summary>Keeps the message of a call that may be answered elsewhere.</summary>
    /// <returns>False when it is to be served here.</returns>
    /// <exception cref="InferenceException">There is no memory for it.</exception>
    public bool Keeps(GrpcCall call, ReadOnlySpan<byte> utf8Model, long version, ReadOnlySpan<byte> message)
    {
        if (replicas.Fleet.Watched.IsEmpty || IsForwarded(call)) return false;
        ModelKey key = new(Encoding.UTF8.GetString(utf8Model), version);
        if (call.TimeoutMicroseconds > 0 && call.SpentMicroseconds >= call.TimeoutMicroseconds) return false;
        CacheUse use = call.CacheUse;
        if (catalog.TryFind(key.Name, version, out ServedModel? model) ? !dispatch.MayLeave(model, LeftOf(call), use) : !replicas.Fleet.Knows(key)) return false;
        OverflowRun run = Begin(key, model, call.TimeoutMicroseconds, Math.Max(0, call.Time.GetTimestamp() - call.Arrival), use);
        call.Kept = KeptMessage.Copy(message, pool, run) ?? throw MessagePack.InferMessage.NoMemory();
        return true;
    }

    /// <summary>Keeps a message of a stream that may be answered elsewhere, as a call of its own.</summary>
    /// <param name="call">The message's call in its stream; has the relay from now on.</param>
    /// <param name="timeoutMicroseconds">The time that the stream gives each of its requests, from its arrival; 0 for none.</param>
    /// <param name="waited">Ticks of the engine's clock since the message's first byte came.</param>
    /// <param name="use">What the stream says of the cache.</param>
    /// <returns>False when it is to be served here, or there is no memory for it.</returns>
    public bool Keeps(StreamCall call, GrpcCall stream, InferMessage message, ReadOnlySpan<byte> bytes, long version, long timeoutMicroseconds, long waited, CacheUse use, SharedRegions regions)
    {
        if (replicas.Fleet.Watched.IsEmpty || IsForwarded(stream) || InferParameters.IsShared(message, bytes)) return false;
        ModelKey key = new(Encoding.UTF8.GetString(message.ModelName.Of(bytes)), version);
        if (catalog.TryFind(key.Name, version, out ServedModel? model) ? !dispatch.MayLeave(model, timeoutMicroseconds, use) : !replicas.Fleet.Knows(key)) return false;
        if (KeptMessage.Copy(bytes, pool, Begin(key, model, timeoutMicroseconds, waited, use)) is not { } kept) return false;
        HeaderDictionary headers = HeadersOf(stream);

        // The answer goes into the stream, which may be compressed otherwise.
        headers["grpc-accept-encoding"] = "identity";
        ForwardedCall forwarded = new(HttpMethods.Post, InferenceService.Path("ModelInfer"), headers, kept.Body, IsGrpc: true);
        call.Relay = new StreamRelay(dispatch, call, kept, forwarded, catalog, pool, regions, timeoutMicroseconds, Encoding.UTF8.GetString(message.Id.Of(bytes)));
        return true;
    }

    /// <summary>Declines a forwarded call that would miss its deadline here too.</summary>
    /// <returns>True when it is refused.</returns>
    public bool Declines(GrpcCall call, ServedModel model)
    {
        if (!IsForwarded(call) || call.LoadOf is not null) return false;
        call.LoadOf = model;
        if (dispatch.TakesForwarded(model, call.Headers, LeftOf(call), out string text, out TimeSpan retryAfter)) return false;
        throw new InferenceException(StatusCode.Unavailable, text) { RetryAfter = retryAfter, Refusal = OverflowDispatch.Busy };
    }

    /// <summary>Tells the gateway that has forwarded a call how loaded this one is.</summary>
    public void Report(GrpcCall call)
    {
        if (call.LoadOf is { } model) call.Trail(LoadTrailer, reporter.Report(model).ToHeader());
    }

    /// <summary>Serves a call whose message is kept: here or elsewhere.</summary>
    public async Task ServeAsync(GrpcCall call, KeptMessage kept, InferMethod here)
    {
        OverflowRun run = kept.Run;
        run.Tenant = call.Tenant;
        ForwardedCall forwarded = new(HttpMethods.Post, call.Path, HeadersOf(call), kept.Body, IsGrpc: true);
        while (true)
        {
            using Elsewhere elsewhere = await dispatch.TryElsewhereAsync(run, forwarded, call.Aborted).ConfigureAwait(false);
            switch (elsewhere.Kind)
            {
                case ElsewhereKind.Answered:
                    Answer(call, elsewhere.Answer!, elsewhere.ServedBy);
                    if (call.Unflushed > GrpcCall.MostUnwatched) await call.FlushAsync(call.Unflushed).ConfigureAwait(false);
                    return;
                case ElsewhereKind.Abandoned:
                    return;
                case ElsewhereKind.Refused:
                    call.Tenant?.LeaveRefused(run.RefusalReason);
                    call.Tenant = null;
                    call.Explain(run.Reason, elsewhere.RetryAfter);
                    call.Fail(GrpcStatus.Unavailable, run.Text);
                    return;
            }

            if (await here.TryInferAsync(call, kept, elsewhere.Model!).ConfigureAwait(false)) return;
            run.NotServedHere(call.Request!);
            call.Tenant = call.Request!.TakeTenant();
            call.Request.Dispose();
            call.Request = null;
        }
    }

    private OverflowRun Begin(in ModelKey key, ServedModel? model, long timeoutMicroseconds, long waited, CacheUse use)
    {
        long passed = settings.Microseconds(waited);
        return dispatch.Begin(key, dispatch.Ask(model, timeoutMicroseconds, passed), passed, model, use, ReplicaTransport.Grpc);
    }

    /// <summary>Microseconds that a call has left, 1 at least; 0 where the client gives none. It counts from the call's arrival, which may be long before its message is whole.</summary>
    private static long LeftOf(GrpcCall call) => call.TimeoutMicroseconds > 0 ? Math.Max(1, call.TimeoutMicroseconds - call.SpentMicroseconds) : 0;

    /// <summary>The client's metadata, but for how its message was compressed, which it is no more, and for what only gateways say.</summary>
    private static HeaderDictionary HeadersOf(GrpcCall call)
    {
        HeaderDictionary headers = [];
        foreach (var header in call.Headers) headers[header.Key] = header.Value;
        headers.Remove(MessageCoding.EncodingHeader);
        headers.Remove(OverflowHeaders.WarmUp);
        headers.ContentLength = null;
        return headers;
    }

    private static void Answer(GrpcCall call, ForwardedAnswer answer, string servedBy)
    {
        call.Begin();
        foreach (var header in answer.Headers.Where(header => header.Value.Count > 0 && !IsOfGrpc(header.Key))) call.ResponseHeaders[header.Key] = header.Value;
        if (answer.Body.Length > 0)
        {
            call.Output.Write(answer.Body.Written);
            call.Unflushed = answer.Body.Length;
            call.HasMessages = true;
        }

        // Of an answer without messages they lie in the headers.
        foreach (var header in answer.Headers.Where(header => IsOfGrpc(header.Key))) call.Trail(header.Key, header.Value.ToString());
        foreach (var trailer in answer.Trailers) call.Trail(trailer.Key, trailer.Value.ToString());
        call.Trail(ServedByTrailer, servedBy);
    }

    private static bool IsOfGrpc(string header) => header.StartsWith("grpc-status", StringComparison.OrdinalIgnoreCase) || header.StartsWith("grpc-message", StringComparison.OrdinalIgnoreCase);
}
