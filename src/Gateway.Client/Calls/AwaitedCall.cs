using Gateway.Protocol.Frames;

namespace Gateway.Client.Calls;

/// <summary>An attempt that somebody awaits: all but the first ones of inferences.</summary>
internal abstract class AwaitedCall : PendingCall
{
    private readonly TaskCompletionSource<CallResult> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<CallResult> Result => _result.Task;

    public override void OnAnswer(Answer answer) => _result.TrySetResult(answer.Kind == MessageKind.Error ? new CallResult(default, Failures.Take(answer, Endpoint)) : new CallResult(answer, null));

    public override void OnFailed(CallFailure failure) => _result.TrySetResult(new CallResult(default, failure));
}
