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
    private static ReadOnlySpan<byte> ServedByKey => "served_by"u8;

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
            request.Waited = Waited;
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
        else if (answer.Status == StatusCodes.Status200OK) Post(MessageKind.Infer, WithServer(answer.Body.Written, servedBy));
        else Post(MessageKind.Error, answer.Body.Written.ToArray());
    }

    /// <summary>An answer that says besides where it was computed; one that is no small map, as gateways' are, stays as it is.</summary>
    internal static byte[] WithServer(ReadOnlySpan<byte> answer, string servedBy)
    {
        if (answer[0] is < MessagePackFormat.FixMap or >= MessagePackFormat.FixMapLast) return answer.ToArray();
        byte[] body = new byte[answer.Length + MessagePackWriter.StringHeaderSize(ServedByKey.Length) + ServedByKey.Length + MessagePackWriter.StringSize(servedBy)];
        answer.CopyTo(body);
        body[0]++;
        MessagePackWriter writer = new(body.AsSpan(answer.Length));
        writer.WriteString(ServedByKey);
        writer.WriteString(servedBy);
        return body;
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
