using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Overflow;
using Gateway.Core.Overflow.Replicas;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Gateway.Protocol;
using Gateway.Protocol.Frames;
using Gateway.Protocol.MessagePack;
using Gateway.Server.MessagePack;
using Gateway.Server.Overflow;
using Gateway.Server.Overflow.Forwarding;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.Frames;

/// <summary>One call of a connection that may be answered by another server: its message, and where it has been.</summary>
/// <remarks>
/// <b>Threading</b>: one at a time, but for <see cref="Cancel"/>. <b>Ownership</b>: holds the message until disposed, and the tenant, from the time that it is told of it until a
/// request is its, or the call is answered.
/// </remarks>
internal sealed class FrameRelay(FrameOverflow overflow, FrameCall call, OverflowRun run, MemoryBlock block, ForwardedCall forwarded) : IDisposable
{
    private readonly CancellationTokenSource _cancellation = new();
    private readonly Lock _lock = new();
    private bool _isDisposed;
    private string _reason = OverflowDispatch.Busy;
    private string _text = OverflowDispatch.NoReplica(run.Model);
    private TimeSpan? _retryHere;

    /// <summary>Decides on the call as it has come.</summary>
    /// <param name="tenant">Has let it in; the relay's if it goes elsewhere.</param>
    /// <returns>False when it is to be served here first.</returns>
    public bool Leaves(Tenant? tenant)
    {
        OverflowDecision decision = overflow.Dispatch.Decide(run, out Sending sending);
        if (decision.Kind != OverflowKind.Forward) return false;
        Tenant = tenant;
        _ = RunAsync(decision, sending);
        return true;
    }

    /// <summary>It was refused here before it was read.</summary>
    public void Refused(in EarlyRefusal refusal)
    {
        (_reason, _text, _retryHere) = (refusal.Reason.WireName()!, refusal.Text.For(""), refusal.RetryAfter);
        run.RefusedHere(0);
        GoOn();
    }

    /// <summary>It was refused here; the call's request is given back.</summary>
    public void Refused(InferenceRequest request)
    {
        (_reason, _text, _retryHere) = (request.Refusal.Reason.WireName()!, request.Error ?? "", request.RetryAfter);
        run.RefusedHere(request.TimeoutMicroseconds);
        call.GiveBack(request);
        GoOn();
    }

    /// <summary>Its client has given it up.</summary>
    public void Cancel()
    {
        lock (_lock)
        {
            if (!_isDisposed) _cancellation.Cancel();
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _isDisposed = true;
            _cancellation.Dispose();
        }

        Tenant?.Leave();
        Tenant = null;
        block.Release();
    }

    private Tenant? Tenant { get; set; }

    private void GoOn() => _ = RunAsync(null, default);

    /// <remarks>The call is posted at its end, or is the engine's; whatever goes wrong is the call's error.</remarks>
    /// <param name="decided">Null where it is still to be decided.</param>
    private async Task RunAsync(OverflowDecision? decided, Sending sending)
    {
        try
        {
            OverflowDecision decision = decided ?? overflow.Dispatch.Decide(run, out sending);
            while (true)
            {
                if (decision.Kind != OverflowKind.Forward)
                {
                    if (run.IsRefusedHere || !overflow.Catalog.TryFind(run.Model.Name, run.Model.Version, out ServedModel? model)) Refuse(TimeSpan.FromMicroseconds(decision.RetryAfter));
                    else ServeHere(model);
                    return;
                }

                // Off the thread that reads the connection.
                await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
                using ForwardedAnswer answer = await overflow.Dispatch.ForwardAsync(run, forwarded, decision, sending, _cancellation.Token).ConfigureAwait(false);
                if (answer.Kind == ForwardedKind.Answered)
                {
                    if (answer.Body.Length == 0 || !answer.Headers.ContentType.ToString().StartsWith(FrameOverflow.ContentType, StringComparison.Ordinal))
                    {
                        Answer(MessageKind.Error, Messages.Error(StatusCode.Internal, "the replica's answer is not MessagePack"));
                        return;
                    }

                    Answer(answer.Status == StatusCodes.Status200OK ? MessageKind.Infer : MessageKind.Error, answer.Body.Written.ToArray());
                    return;
                }

                if (answer.Kind == ForwardedKind.Abandoned)
                {
                    Answer(MessageKind.Error, Messages.Error(StatusCode.Cancelled, "Request was cancelled"));
                    return;
                }

                decision = overflow.Dispatch.Decide(run, out sending);
            }
        }
        catch (InferenceException error)
        {
            Answer(MessageKind.Error, Messages.Error(error.Status, error.Message, error.RetryAfter, error.Refusal));
        }
#pragma warning disable CA1031 // Whatever goes wrong is this call's error; the connection and everybody else go on.
        catch (Exception error)
#pragma warning restore CA1031
        {
            overflow.Dispatch.Report(error);
            Answer(MessageKind.Error, Messages.Error(StatusCode.Internal, "internal error"));
        }
    }

    private void Refuse(TimeSpan retryAfter) =>
        Answer(MessageKind.Error, Messages.Error(StatusCode.Unavailable, _text, _retryHere < retryAfter ? _retryHere : retryAfter, _reason));

    /// <summary>Has it served here after all: nobody else has answered.</summary>
    private void ServeHere(ServedModel model)
    {
        ReadOnlySpan<byte> bytes = forwarded.Body.Span;
        MessagePackReader reader = new(bytes);
        InferMessage message = new();
        message.Read(ref reader, bytes);
        Tenant? tenant = Tenant;
        Tenant = null;
        InferenceRequest request = overflow.Catalog.RentRequest(model, run.Model.Version, tenant);
        bool hasFlown = false;
        try
        {
            message.Fill(request, bytes, call.WantedOutputs);
            InferMessage.CopyTensors(request, bytes, overflow.Pool);
            if (overflow.Remaining(run) is < long.MaxValue and long left) request.LimitTime(Math.Max(1, left));
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
            overflow.Dispatch.Report(error);
        }
    }

    private void Answer(MessageKind kind, byte[] body)
    {
        call.Kind = kind;
        call.Body = body;
        call.Charge(body.Length);
        call.Post();
    }
}
