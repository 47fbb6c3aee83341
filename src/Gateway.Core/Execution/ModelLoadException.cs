namespace Gateway.Core.Execution;

/// <summary>A model version cannot be served; the message says why, for the operator.</summary>
public sealed class ModelLoadException(string message, Exception? inner = null) : Exception(message, inner);
