namespace Gateway.Load;

/// <summary>A reason to end, told in one line.</summary>
internal sealed class LoadException(int exitCode, string message, Exception? inner = null) : Exception(message, inner)
{
    public int ExitCode { get; } = exitCode;
}
