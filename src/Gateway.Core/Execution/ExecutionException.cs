namespace Gateway.Core.Execution;

/// <summary>A batch's run failed; the message goes to the clients whose rows were in it.</summary>
public sealed class ExecutionException(string message, Exception? inner = null) : Exception(message, inner);
