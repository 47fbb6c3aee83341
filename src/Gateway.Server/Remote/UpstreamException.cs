using Gateway.Core.Execution;
using Gateway.Protocol;

namespace Gateway.Server.Remote;

/// <summary>A batch failed at its upstream; the message goes to the clients whose rows were in it, so it names no address.</summary>
/// <param name="waited">How long it was waited for, of <see cref="UpstreamFailure.Overdue"/>.</param>
internal sealed class UpstreamException(UpstreamFailure failure, string message, Exception? inner = null, TimeSpan waited = default) : Exception(message, inner)
{
    // Who has not answered for so long hangs, however little time the requests gave; before, it may only be slower than they hoped.
    private static readonly TimeSpan LeastSilence = TimeSpan.FromSeconds(1);

    public UpstreamFailure Failure { get; } = failure;

    /// <summary>Whether another attempt is of use: nothing has been answered, and no time been waited for it.</summary>
    public bool IsRetryable => Failure is UpstreamFailure.Connect or UpstreamFailure.Broken;

    /// <summary>Whether it says that the upstream is not well. One that refuses or fails with a clear answer is.</summary>
    public bool SpeaksAgainstUpstream => Failure is <= UpstreamFailure.BadGateway || (Failure is UpstreamFailure.Overdue && waited >= LeastSilence);

    /// <summary>The failure as the batcher knows it: what may lie in one row is looked for in halves, the rest is the whole batch's.</summary>
    public ExecutionException ToExecutionException() => Failure switch
    {
        UpstreamFailure.Invalid => new ExecutionException(Message, this, StatusCode.InvalidArgument),
        UpstreamFailure.Failed => new ExecutionException(Message, this),
        UpstreamFailure.BatchTooLarge => new ExecutionException(Message, this, StatusCode.InvalidArgument, ExecutionFailure.OutOfMemory),
        UpstreamFailure.Garbage or UpstreamFailure.TooLarge or UpstreamFailure.Truncated => new ExecutionException(Message, this, StatusCode.Internal, ExecutionFailure.WholeBatch),
        _ => new ExecutionException(Message, this, StatusCode.Unavailable, ExecutionFailure.WholeBatch),
    };
}
