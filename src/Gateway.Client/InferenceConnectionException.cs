namespace Gateway.Client;

/// <summary>A call failed because of its connection: none could be made, or it broke before the answer.</summary>
/// <param name="mayHaveRun">Whether the server may have begun the call.</param>
public sealed class InferenceConnectionException(string message, bool mayHaveRun, Exception? inner = null) : IOException(message, inner)
{
    /// <summary>Whether the server may have begun the call. If not, it can be made again without doing anything twice.</summary>
    public bool MayHaveRun { get; } = mayHaveRun;
}
