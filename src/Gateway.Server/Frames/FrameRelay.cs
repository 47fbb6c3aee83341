using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol;
using Gateway.Protocol.Frames;
using Gateway.Protocol.MessagePack;
using Gateway.Server.MessagePack;
using Gateway.Server.Overflow;
using Gateway.Server.Overflow.Forwarding;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.Frames;

/// <summary>One call of a connection that may be answered by another server, which gets its message over HTTP.</summary>
/// <param name="block">Holds the message; the relay's.</param>
internal sealed class FrameRelay(FrameOverflow overflow, FrameCall call, OverflowRun run, MemoryBlock block, ForwardedCall forwarded) : CallRelay(overflow.Dispatch, run, forwarded)
{
    protected override void Release() => block.Release();

    protected override void GiveBack(InferenceRequest request) => call.GiveBack(request);

    protected override void ServeHere(ServedModel model)
    {
        ReadOnlySpan<byte> bytes = Forwarded.Body.Span;
        MessagePackReader reader = new(bytes);
        InferMessage message = new();
        message.Read(ref reader, bytes);
        InferenceRequest request = overflow.Catalog.RentRequest(model, Run.Model.Version, TakeTenant());
        bool hasFlown = false;
        try
        {
            message.Fill(request, bytes, call.WantedOutputs);
            InferMessage.CopyTensors(request, bytes, overflow.Pool);
            if (overflow.Remaining(Run) is < long.MaxValue and long left) request.LimitTime(Math.Max(1, left));
            call.Request = request;
            call.BeginFlight();
            hasFlown = true;
            request.Model.Infer(request, call, RunsHere.None);
        }
#pragma warning disable CA1031 // The call has its answer; what went wrong after it is for the log alone.
        catch (Exception error)
#pragma warning restore CA1031
        {
            if (call.Drop(request, hasFlown)) throw;
            Report(error);
        }
    }

    protected override void Answer(ForwardedAnswer answer, string servedBy)
    {
        bool isMessagePack = answer.Body.Length > 0 && answer.Headers.ContentType.ToString().StartsWith(FrameOverflow.ContentType, StringComparison.Ordinal);
        if (!isMessagePack) Fail(StatusCode.Internal, "the replica's answer is not MessagePack");
        else Post(answer.Status == StatusCodes.Status200OK ? MessageKind.Infer : MessageKind.Error, answer.Body.Written.ToArray());
    }

    protected override void Fail(StatusCode status, string text, TimeSpan? retryAfter = null, string? reason = null) => Post(MessageKind.Error, Messages.Error(status, text, retryAfter, reason));

    private void Post(MessageKind kind, byte[] body)
    {
        call.Kind = kind;
        call.Body = body;
        call.Charge(body.Length);
        call.Post();
    }
}
