using System.Globalization;
using Gateway.Core.Memory;
using Gateway.Core.Memory.Shared;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Core.Tracing;
using Gateway.Protocol;
using Gateway.Server.Calls;
using Gateway.Server.Grpc.Inference;
using Gateway.Server.Grpc.Wire;
using Gateway.Server.OpenInference;
using Gateway.Server.Overflow;
using Gateway.Server.Overflow.Forwarding;

namespace Gateway.Server.Grpc.Streaming;

/// <summary>One request of a stream that may be answered by another server: there it is a ModelInfer of its own, whose answer takes its place in the stream.</summary>
/// <param name="kept">Its message; the relay's.</param>
/// <param name="timeoutMicroseconds">The time that the stream gives it from its arrival; 0 for none.</param>
/// <param name="id">The client's.</param>
internal sealed class StreamRelay(
    OverflowDispatch dispatch, StreamCall call, KeptMessage kept, ForwardedCall forwarded, ModelCatalog catalog, BlockPool pool, SharedRegions regions, long timeoutMicroseconds, string id)
    : CallRelay(dispatch, kept.Run, forwarded)
{
    /// <summary>What it holds.</summary>
    public long Bytes => kept.Block.Capacity;

    protected override void Release() => kept.Dispose();

    protected override void GiveBack(InferenceRequest request)
    {
        call.Request = null;
        call.Plan.Clear();
        request.Dispose();
    }

    protected override void ServeHere(ServedModel model)
    {
        InferMessage message = new();
        message.Read(kept.Bytes);
        InferenceRequest request = catalog.RentRequest(model, Run.Model.Version, TakeTenant());
        request.Trace?.ComeBy(TraceProtocol.Grpc);
        bool hasFlown = false;
        try
        {
            InferFill.Fill(request, message, kept.Bytes, call.Plan, pool, regions, kept.Block, kept.Start);
            CacheHeaders.Apply(Forwarded.Headers, request);
            request.LimitTime(timeoutMicroseconds);
            request.Waited = Waited;
            call.Request = request;
            call.Model = request.Model;
            call.BeginFlight();
            hasFlown = true;
            request.Model.Infer(request, call, RunsHere.None);
        }
#pragma warning disable CA1031 // The call may have its answer; what went wrong after it is for the log alone.
        catch (Exception error)
#pragma warning restore CA1031
        {
            if (hasFlown && !call.EndFlight())
            {
                Report(error);
                return;
            }

            GiveBack(request);
            throw;
        }
    }

    protected override void Answer(ForwardedAnswer answer, string servedBy)
    {
        if (StatusOf(answer, out string text) is var status and not StatusCode.Ok)
        {
            Fail(status, text);
            return;
        }

        ReadOnlySpan<byte> message = answer.Body.Written;
        if (message[0] != 0)
        {
            Fail(StatusCode.Internal, "the replica's answer is compressed, which it was not asked for");
            return;
        }

        message = message[MessagePrefix.Bytes..];
        if (!pool.TryRent(InferAnswer.MostForwardedBytes(message.Length, servedBy), BlockOwner.ResponseTensors, out MemoryBlock? block))
        {
            Fail(StatusCode.Unavailable, "there is no memory left for the answer: the memory pool is at its ceiling");
            return;
        }

        BlockWriter writer = new();
        writer.Begin(block);
        InferAnswer.WriteForwarded(ref writer, message, servedBy);
        call.Aside = block;
        call.AsideBytes = writer.Written;
        call.Charge(block.Capacity + Bytes);
        call.Post();
    }

    protected override void Fail(StatusCode status, string text, TimeSpan? retryAfter = null, string? reason = null)
    {
        (call.Status, call.Error, call.Id) = (status, text, id);
        call.Refusal = new RefusalParameters(reason, retryAfter);
        if (catalog.TryFind(Run.Model.Name, Run.Model.Version, out ServedModel? model)) call.Model = model;
        call.Post();
    }

    /// <summary>Of an answer without messages the status lies in the headers.</summary>
    private static StatusCode StatusOf(ForwardedAnswer answer, out string text)
    {
        bool hasTrailers = answer.Trailers.ContainsKey("grpc-status");
        string status = (hasTrailers ? answer.Trailers : answer.Headers)["grpc-status"].ToString();
        text = Uri.UnescapeDataString((hasTrailers ? answer.Trailers : answer.Headers)["grpc-message"].ToString());
        return int.TryParse(status, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? ((GrpcStatus)number).ToOutcome() : StatusCode.Unknown;
    }
}
