using System.Threading.Tasks.Sources;
using Gateway.Client.Messages;
using Gateway.Client.Telemetry;
using Gateway.Protocol;
using Gateway.Protocol.Frames;
using Gateway.Protocol.MessagePack;

namespace Gateway.Client.Calls;

/// <summary>An inference as its caller awaits it, and the first attempt at it; used again for the next.</summary>
/// <remarks>
/// <b>Behaviour</b>: when the first attempt fails and another one may be made, the call stays open, and its <see cref="CallRunner"/> ends it.
/// <b>Threading</b>: one ends it, one awaits it, once; a cancellation that comes too late finds it ended, as it is not used again while one is under way.
/// <b>Cost</b>: no allocation; the answer is taken apart on the awaiter's thread.
/// </remarks>
internal sealed class InferenceCall(CallRunner runner) : PendingCall, IValueTaskSource<InferenceResponse>
{
    private ManualResetValueTaskSourceCore<CallResult> _source = new() { RunContinuationsAsynchronously = true };
    private CancellationTokenRegistration _cancellation;
    private CancellationToken _token;
    private long _began;

    public override MessageKind Kind => MessageKind.Infer;

    public override string? ModelName => Request!.ModelName;

    public override string? ModelVersion => Request!.ModelVersion;

    public CancellationToken Token => _token;

    public void Begin(InferenceRequest request, long now, long deadline, CancellationToken token)
    {
        Request = request;
        Deadline = deadline;
        _began = now;
        _token = token;
    }

    /// <summary>What the caller awaits, once the call has been submitted.</summary>
    public ValueTask<InferenceResponse> Await()
    {
        // Registered after the call was submitted: a token that has been cancelled already finds it. It is not ended for its caller before this returns.
        if (_token.CanBeCanceled) _cancellation = _token.UnsafeRegister(static call => ((InferenceCall)call!).Cancel(), this);
        return new ValueTask<InferenceResponse>(this, _source.Version);
    }

    public override long BodyBytes(long timeoutMicroseconds) => RequestWriter.Bytes(Request!, timeoutMicroseconds);

    public override void WriteBody(ref MessagePackWriter writer, long timeoutMicroseconds) => RequestWriter.Write(ref writer, Request!, timeoutMicroseconds);

    public override void OnAnswer(Answer answer)
    {
        if (answer.Kind == MessageKind.Error) OnFailed(Failures.Take(answer, Endpoint));
        else _source.SetResult(new CallResult(answer, null));
    }

    public override void OnFailed(CallFailure failure)
    {
        if (runner.MayRetry(failure, Deadline)) runner.Retry(this, failure);
        else End(new CallResult(default, failure));
    }

    public void End(in CallResult result) => _source.SetResult(result);

    ValueTaskSourceStatus IValueTaskSource<InferenceResponse>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<InferenceResponse>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    InferenceResponse IValueTaskSource<InferenceResponse>.GetResult(short token)
    {
        CallResult result = _source.GetResult(token);

        // Waits for a cancellation that is under way on another thread.
        _cancellation.Dispose();
        InferenceRequest request = Request!;
        long began = _began;
        Release();
        InferenceResponse? response = null;
        CallFailure? failure = result.Failure;
        if (failure is null)
        {
            try
            {
                response = InferenceResponse.Read(result.Answer, request);
            }
            catch (InferenceException error)
            {
                failure = new CallFailure(FailureKind.Final, error);
            }
        }

        if (ClientTelemetry.IsMeasuring) ClientTelemetry.Record(failure, runner.SecondsSince(began));
        return response ?? throw failure!.Error;
    }

    private void Release()
    {
        _source.Reset();
        _cancellation = default;
        _token = default;
        Request = null;
        Endpoint = null;
        Carrier = null;
        runner.Return(this);
    }

    private void Cancel() => Carrier?.Abandon(this, CallFailure.Cancelled(_token));
}
