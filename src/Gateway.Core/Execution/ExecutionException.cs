using Gateway.Protocol;

namespace Gateway.Core.Execution;

/// <summary>A batch's run failed; the message goes to the clients whose rows were in it.</summary>
public sealed class ExecutionException(string message, Exception? inner = null, StatusCode status = StatusCode.Internal, ExecutionFailure failure = ExecutionFailure.Run)
    : Exception(message, inner)
{
    /// <summary><see cref="StatusCode.InvalidArgument"/> when the model itself found the input at fault; never Ok.</summary>
    public StatusCode Status { get; } = status;

    public ExecutionFailure Failure { get; } = failure;
}
