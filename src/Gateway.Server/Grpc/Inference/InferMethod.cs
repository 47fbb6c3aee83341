using System.Buffers;
using Gateway.Core.Memory;
using Gateway.Core.Memory.Shared;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Gateway.Core.Tracing;
using Gateway.Protocol;
using Gateway.Server.Grpc.Services;
using Gateway.Server.Grpc.Wire;
using Gateway.Server.MessagePack;
using Gateway.Server.OpenInference;
using Gateway.Server.Overflow;
using Gateway.Server.Tenants;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.Grpc.Inference;

/// <summary>The method ModelInfer: one request, one answer.</summary>
/// <remarks>
/// <b>Behaviour</b>: what would be refused for want of room or time is so as soon as its model is known, which is before its tensors have arrived. A client that cancels,
/// or goes away, cancels its request. The memory of the outputs is given back before anything is flushed. <b>Threading</b>: any.
/// <b>Cost</b>: no allocation in steady state.
/// </remarks>
internal sealed class InferMethod(ModelCatalog catalog, BlockPool pool, SharedRegions regions, GrpcOptions options, OpenInferenceOptions timing, CallerTenants tenants, TimeProvider time, ILogger logger, Passage passage, InferOverflow? overflow = null)
    : DirectMethod(InferenceService.Path("ModelInfer"))
{
    private const double MicrosecondsPerSecond = 1e6;

    private readonly AnswerWriter _writer = new(pool, options);

    public override void Take(GrpcCall call, ReadOnlySequence<byte> data, bool isEnd, RunsHere runs)
    {
        try
        {
            call.EndRead();
            GrpcMessageReader reader = call.Reader;
            if (reader.HasBegun || !TurnsAway(call, data))
            {
                if (!reader.TryTake(ref data, out ReadOnlySpan<byte> message, InferPeek.FirstTensor))
                {
                    if (isEnd) throw GrpcMessages.Incomplete();
                    call.AwaitMore();
                    return;
                }

                if (!data.IsEmpty) throw GrpcMessages.Several();
                call.IsRead = false;
                Fill(call, message);
            }

            if (call.Request is not null)
            {
                Infer(call, call.Request, runs);
                return;
            }

            if (call.Kept is not null)
            {
                call.Stream.UseOutput();
                ThreadPool.UnsafeQueueUserWorkItem(static it => _ = it.Call.Stream.ServeAsync(it.Method.ServeKeptAsync(it.Call)), (Method: this, Call: call), preferLocal: false);
                return;
            }

            Refuse(call);
        }
#pragma warning disable CA1031 // Whatever goes wrong is this call's error; the connection and everybody else go on.
        catch (Exception error)
#pragma warning restore CA1031
        {
            GrpcFailures.End(call, error, logger);
        }

        call.IsRead = false;
        End(call);
        call.Stream.EndServing();
    }

    public override void OnTime(GrpcCall call)
    {
        try
        {
            if (!call.HasTimedOut) return;
            call.EndRead();
            return;
        }
        catch (GrpcException error)
        {
            call.Fail(error.Status, error.Message);
        }

        call.IsRead = false;
        End(call);
        call.Stream.EndServing();
    }

    public override void Answer(GrpcCall call)
    {
        try
        {
            Answer(call, call.Request!, isDirect: true);
        }
#pragma warning disable CA1031 // Whatever goes wrong is this call's error; the connection and everybody else go on.
        catch (Exception error)
#pragma warning restore CA1031
        {
            call.HasMessages = false;
            GrpcFailures.End(call, error, logger);
        }

        Drop(call);
    }

    public override void Drop(GrpcCall call)
    {
        End(call);
        call.Stream.EndAnswer();
    }

    /// <summary>Gives back what a call holds.</summary>
    private void End(GrpcCall call)
    {
        try
        {
            overflow?.Report(call);
        }
        finally
        {
            call.Clear();
        }
    }

    /// <summary>Has a request run; it may be answered, and its call be over, before this returns.</summary>
    private void Infer(GrpcCall call, InferenceRequest request, RunsHere runs)
    {
        try
        {
            call.BeginFlight();
            request.Model.Infer(request, call, runs);
        }
#pragma warning disable CA1031 // One that has its answer: what went wrong after it is for the log alone.
        catch (Exception error)
#pragma warning restore CA1031
        {
            if (call.EndFlight()) throw;
            GrpcFailures.Log.Failed(logger, Path, error);
        }
    }

    private static void Refuse(GrpcCall call)
    {
        if (call.Over.Reason != RefusalReason.None)
        {
            call.Explain(call.Over.Reason.WireName(), call.Over.RetryAfter);
            call.Fail(GrpcStatus.ResourceExhausted, call.Over.Text);
        }
        else
        {
            call.Explain(call.Refusal.Reason.WireName(), call.Refusal.RetryAfter);
            call.Fail(GrpcStatus.Unavailable, call.Refusal.Text.For(""));
        }
    }

    /// <summary>Answers a call whose message is kept, here or elsewhere.</summary>
    private async Task ServeKeptAsync(GrpcCall call)
    {
        try
        {
            await overflow!.ServeAsync(call, call.Kept!, this).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Whatever goes wrong is this call's error; the connection and everybody else go on.
        catch (Exception error)
#pragma warning restore CA1031
        {
            GrpcFailures.End(call, error, logger);
        }
        finally
        {
            End(call);
        }
    }

    /// <summary>Has a call answered here whose message is kept.</summary>
    /// <returns>False when it was refused; its request is the call's still.</returns>
    /// <exception cref="InferenceException">It does not fit the model, or is not the tenant's to send.</exception>
    internal async Task<bool> TryInferAsync(GrpcCall call, KeptMessage kept, ServedModel model)
    {
        Fill(call, kept.Bytes, model, kept.Run.Model.Version, kept.Block, kept.Start);
        InferenceRequest request = call.Request!;
        request.MayBeKeptElsewhere = kept.Run.LooksHereFirst;
        call.Watch = call.Aborted.UnsafeRegister(static request => ((InferenceRequest)request!).Cancel(), request);
        try
        {
            await request.Model.InferAsync(request).ConfigureAwait(false);
        }
        finally
        {
            call.Unwatch();
        }

        if (request.IsGivenBack) return false;
        Answer(call, request, isDirect: false);
        if (call.Unflushed > GrpcCall.MostUnwatched) await call.FlushAsync(call.Unflushed).ConfigureAwait(false);
        return true;
    }

    /// <summary>Refuses a message of which only a part has arrived, if it would be refused.</summary>
    private bool TurnsAway(GrpcCall call, in ReadOnlySequence<byte> buffer)
    {
        if (call.Reader.Coding != ContentCoding.Identity || !MessagePrefix.TryRead(buffer, out byte flag, out uint length) || flag != 0) return false;
        if (buffer.Length >= MessagePrefix.Bytes + (long)length || length > call.Reader.Most) return false;
        ReadOnlySpan<byte> start = buffer.FirstSpan;
        if (start.Length <= MessagePrefix.Bytes) return false;

        // It is let in once, by its size.
        if (overflow?.IsWarmUp(call, call.CacheUse) == true) return false;
        start = start[MessagePrefix.Bytes..];
        if (!InferPeek.TryReadModel(start, out Slice name, out Slice version)) return false;
        return TurnsAway(call, catalog.Find(name.Of(start), InferFill.Version(version.Of(start))), length);
    }

    /// <param name="bytes">Of its message.</param>
    private bool TurnsAway(GrpcCall call, ServedModel model, long bytes)
    {
        if (!Enters(call, bytes)) return true;
        if (overflow is not null && (overflow.MayLeave(call, model) || overflow.Declines(call, model))) return false;

        // One whose time is over is read, and counted as expired.
        long spent = call.SpentMicroseconds;
        if (spent > 0 && spent >= call.TimeoutMicroseconds) return false;
        long waited = Math.Max(0, time.GetTimestamp() - call.Arrival);
        if (!model.TurnsAway(call.TimeoutMicroseconds, out EarlyRefusal refusal, call.Tenant, call.CacheUse, waited, isBeingRead: true)) return false;

        call.Tenant?.LeaveRefused(refusal.Reason);
        call.Tenant = null;
        call.Refusal = refusal;
        return true;
    }

    /// <returns>False when its tenant does not let it in.</returns>
    private bool Enters(GrpcCall call, long bytes)
    {
        if (call.Tenant is not null) return true;
        if (!tenants.TryEnter(call.Headers, out Tenant? tenant, out TenantRefusal over, overflow?.WarmUpOf(call, bytes)))
        {
            call.Over = over;
            return false;
        }

        call.Tenant = tenant;
        return true;
    }

    private void Fill(GrpcCall call, ReadOnlySpan<byte> bytes)
    {
        InferMessage message = call.Message;
        message.Read(bytes);
        ReadOnlySpan<byte> name = message.ModelName.Of(bytes);
        long version = InferFill.Version(message.ModelVersion.Of(bytes));
        if (overflow is not null && !InferParameters.IsShared(message, bytes) && overflow.Keeps(call, name, version, bytes))
        {
            call.Reader.Release();
            if (Enters(call, bytes.Length)) return;
            call.Kept!.Dispose();
            call.Kept = null;
            return;
        }

        ServedModel model = catalog.Find(name, version);
        if (TurnsAway(call, model, bytes.Length)) return;
        Fill(call, bytes, model, version, call.Reader.Block, call.Reader.Start);
        call.Reader.Release();
    }

    private void Fill(GrpcCall call, ReadOnlySpan<byte> bytes, ServedModel model, long version, MemoryBlock? block, int start)
    {
        Tenant? tenant = call.Tenant;
        call.Tenant = null;
        InferenceRequest request = catalog.RentRequest(model, version, tenant);
        call.Request = request;
        request.Trace?.ComeBy(TraceProtocol.Grpc, call.Arrival);
        InferFill.Fill(request, call.Message, bytes, call.Plan, pool, regions, block, start);
        request.LimitTime(call.TimeoutMicroseconds);
        request.Waited = Math.Max(0, time.GetTimestamp() - call.Arrival);
        if (call.LoadOf is { CacheCounts: not null } && OverflowDispatch.PatienceOf(call.Headers) is < long.MaxValue and long patience) request.LimitTimeFromNow(patience);
        request.CacheUse |= call.CacheUse;
        request.CacheMaxAgeSeconds = CacheHeaders.ReadMaxAge(call.Headers);
        ServerTiming.Note(request, call.Headers);
        request.IsWarmUp = overflow?.IsWarmUp(call, request.CacheUse) == true;
        request.PassedBy = passage.Of(call.Headers, request.Model);
    }

    /// <param name="isDirect">Whether it is written where it is sent from; else by the call.</param>
    private void Answer(GrpcCall call, InferenceRequest request, bool isDirect)
    {
        if (call.TimeoutMicroseconds > 0 && time.GetElapsedTime(call.Arrival).TotalSeconds * MicrosecondsPerSecond > call.TimeoutMicroseconds)
        {
            call.Explain(request.Refusal.Reason.WireName(), request.RetryAfter);
            call.Fail(GrpcStatus.DeadlineExceeded, "Deadline Exceeded");
            return;
        }

        if (request.Status != StatusCode.Ok)
        {
            call.Explain(request.Refusal.Reason.WireName(), request.RetryAfter);
            call.Fail(request.Status.ToGrpc(), request.Error ?? "");
            return;
        }

        call.Plan.Complete(request);
        ContentCoding coding = _writer.Choose(call);
        call.Begin();
        CacheHeaders.Write(call.ResponseHeaders, request);
        if (isDirect) _writer.Write(call, request, coding);
        else call.Unflushed = _writer.Write(call.Output, request, call.Plan, isStreamed: false, coding);
        call.HasMessages = true;
        if (timing.ServerTiming || (request.WantsForecast && call.Headers.ContainsKey(ServerTiming.AskHeader))) call.Trail("server-timing", ServerTiming.Of(request));
        call.Succeed();
        request.Dispose();
        call.Request = null;
    }
}
