namespace Gateway.OnnxRuntime.Errors;

/// <summary>An execution provider that was asked for cannot be had; the message says what is missing and how to add it.</summary>
public sealed class OrtProviderException(string provider, OrtErrorCode code, string message, Exception? innerException = null)
    : OrtException(code, message, innerException)
{
    /// <summary>The provider as it was asked for, such as <c>CUDA</c>.</summary>
    public string Provider { get; } = provider;
}
