namespace Gateway.OnnxRuntime.Errors;

/// <summary>An error that ONNX Runtime reported, with its code and its own text.</summary>
public class OrtException : Exception
{
    public OrtException(OrtErrorCode code, string message)
        : this(code, message, null)
    {
    }

    public OrtException(OrtErrorCode code, string message, Exception? innerException)
        : base(message, innerException) => Code = code;

    public OrtErrorCode Code { get; }
}
