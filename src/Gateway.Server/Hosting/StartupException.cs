namespace Gateway.Server.Hosting;

/// <summary>The server cannot start; the message is one line for the operator and names the offending thing.</summary>
public sealed class StartupException(string message, Exception? inner = null) : Exception(message, inner);
