namespace Gateway.OnnxRuntime.Errors;

/// <summary>Kind of an ONNX Runtime error; the values are those of its C header's <c>OrtErrorCode</c>.</summary>
public enum OrtErrorCode
{
    Ok = 0,

    /// <summary>Anything without a kind of its own; a run that was terminated is one.</summary>
    Fail = 1,
    InvalidArgument = 2,
    NoSuchFile = 3,
    NoModel = 4,
    EngineError = 5,
    RuntimeException = 6,

    /// <summary>The model file is not ONNX, or is damaged.</summary>
    InvalidProtobuf = 7,
    ModelLoaded = 8,

    /// <summary>An operator or type that no provider of the session implements.</summary>
    NotImplemented = 9,

    /// <summary>The model breaks the rules of ONNX.</summary>
    InvalidGraph = 10,

    /// <summary>An execution provider (a device) failed.</summary>
    EpFail = 11,
    ModelLoadCanceled = 12,
    ModelRequiresCompilation = 13,
    NotFound = 14,
}
