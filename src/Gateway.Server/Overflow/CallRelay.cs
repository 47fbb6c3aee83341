using Gateway.Core.Models;
using Gateway.Core.Overflow;
using Gateway.Core.Overflow.Replicas;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Gateway.Protocol;
using Gateway.Server.Overflow.Forwarding;

namespace Gateway.Server.Overflow;

/// <summary>One call of a connection or a stream that has many, which may be answered by another server: its message, and where it has been.</summary>
/// <remarks>
/// <b>Behaviour</b>: the call is served here as any other, unless it leaves; when it is refused here it goes on elsewhere, and may come back to be served here after all. Whatever goes wrong is its error.
/// <b>Threading</b>: one at a time, but for <see cref="Cancel"/>. <b>Ownership</b>: holds the message until disposed, and the tenant, from the time that it is told of it, and while the call is away, until a
/// request is its, or the call is answered.
/// </remarks>
internal abstract class CallRelay(OverflowDispatch dispatch, OverflowRun run, ForwardedCall forwarded) : IDisposable
{
    private readonly CancellationTokenSource _cancellation = new();
    private readonly Lock _lock = new();
    private Tenant? _tenant;
    private bool _isDisposed;

    protected ForwardedCall Forwarded => forwarded;

    protected OverflowRun Run => run;

    /// <summary>Decides on the call as it has come.</summary>
    /// <param name="tenant">Has let it in; the relay's if it leaves.</param>
    /// <returns>False when it is to be served here first.</returns>
    public bool Leaves(Tenant? tenant)
    {
        OverflowDecision decision = dispatch.Decide(run, out Sending sending);
        if (decision.Kind != OverflowKind.Forward && dispatch.IsServedHere(run)) return false;
        Take(tenant);
        _ = RunAsync(decision, sending);
        return true;
    }

    /// <summary>It was refused here before it was read.</summary>
    /// <param name="tenant">Has let it in; the relay's from now on.</param>
    /// <param name="id">The client's, for the text.</param>
    public void Refused(in EarlyRefusal refusal, Tenant? tenant, string id = "")
    {
        Take(tenant);
        run.RefusedHere(refusal.Reason, refusal.Text.For(id), refusal.RetryAfter, timeoutMicroseconds: 0);
        GoOn();
    }

    /// <summary>Whether its request is only to be looked for in the cache here.</summary>
    public bool LooksHereFirst => run.LooksHereFirst;

    /// <summary>It was refused here, or the cache here has not got its answer.</summary>
    /// <param name="request">Is given back.</param>
    public void NotServedHere(InferenceRequest request)
    {
        run.NotServedHere(request);
        Take(request.TakeTenant());
        GiveBack(request);
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

        TakeTenant()?.Leave();
        Release();
    }

    /// <summary>Gives back the message.</summary>
    protected abstract void Release();

    /// <summary>Gives back the call's request.</summary>
    protected abstract void GiveBack(InferenceRequest request);

    /// <summary>Ticks of the engine's clock since the call came: its time is counted from then, also where it was elsewhere in between.</summary>
    protected long Waited => dispatch.Waited(run);

    /// <summary>Has it served here; the engine tells the call.</summary>
    /// <exception cref="InferenceException">It does not fit the model.</exception>
    protected abstract void ServeHere(ServedModel model);

    /// <summary>Answers the call with a replica's answer, and posts it.</summary>
    protected abstract void Answer(ForwardedAnswer answer, string servedBy);

    /// <summary>Answers the call with an error, and posts it.</summary>
    protected abstract void Fail(StatusCode status, string text, TimeSpan? retryAfter = null, string? reason = null);

    /// <summary>Something went wrong that is no call's error any more.</summary>
    protected void Report(Exception error) => dispatch.Report(error);

    /// <summary>Hands the tenant to a request, or to who has it leave.</summary>
    protected Tenant? TakeTenant()
    {
        Tenant? tenant = _tenant;
        _tenant = null;
        return tenant;
    }

    private void Take(Tenant? tenant) => run.Tenant = _tenant = tenant;

    private void GoOn() => _ = RunAsync(dispatch.Decide(run, out Sending sending), sending);

    private async Task RunAsync(OverflowDecision decision, Sending sending)
    {
        try
        {
            // Off the thread that reads the connection, or that has run a batch.
            if (decision.Kind == OverflowKind.Forward) await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            using Elsewhere elsewhere = await dispatch.TryElsewhereAsync(run, forwarded, decision, sending, _cancellation.Token).ConfigureAwait(false);
            switch (elsewhere.Kind)
            {
                case ElsewhereKind.Answered:
                    Answer(elsewhere.Answer!, elsewhere.ServedBy);
                    break;
                case ElsewhereKind.Abandoned:
                    Fail(StatusCode.Cancelled, "Request was cancelled");
                    break;
                case ElsewhereKind.Refused:
                    TakeTenant()?.LeaveRefused(run.RefusalReason);
                    Fail(StatusCode.Unavailable, run.Text, elsewhere.RetryAfter, run.Reason);
                    break;
                default:
                    ServeHere(elsewhere.Model!);
                    break;
            }
        }
        catch (InferenceException error)
        {
            Fail(error.Status, error.Message, error.RetryAfter, error.Refusal);
        }
#pragma warning disable CA1031 // Whatever goes wrong is this call's error; the connection and everybody else go on.
        catch (Exception error)
#pragma warning restore CA1031
        {
            Report(error);
            Fail(StatusCode.Internal, "internal error");
        }
    }
}
