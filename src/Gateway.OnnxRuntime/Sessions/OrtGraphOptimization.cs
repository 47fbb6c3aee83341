namespace Gateway.OnnxRuntime.Sessions;

/// <summary>How far ONNX Runtime rewrites a model when it loads it; the values are those of the C header's <c>GraphOptimizationLevel</c>.</summary>
public enum OrtGraphOptimization
{
    None = 0,

    /// <summary>Folds constants and removes what is not needed.</summary>
    Basic = 1,

    /// <summary>Also fuses operators.</summary>
    Extended = 2,

    /// <summary>Also chooses memory layouts; the library's default.</summary>
    All = 99,
}
