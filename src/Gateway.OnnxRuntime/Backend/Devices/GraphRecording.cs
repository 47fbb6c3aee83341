using Gateway.OnnxRuntime.Sessions;

namespace Gateway.OnnxRuntime.Backend.Devices;

/// <summary>Which models' work can be recorded and replayed.</summary>
/// <remarks>
/// ONNX Runtime refuses by itself what branches or needs the CPU. It records the rest, right or wrong: what draws random numbers would give the same ones each time, and what has as many
/// results as it finds would have those of the run that was recorded (1.30.0).
/// </remarks>
internal static class GraphRecording
{
    private static readonly HashSet<string> Unrecordable = new(StringComparer.Ordinal)
    {
        "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial", "Dropout", "BiasDropout",
        "NonZero", "Compress", "Unique", "NonMaxSuppression", "Loop", "If", "Scan",
    };

    /// <returns>The first operator of a loaded model that must not be recorded; null for none.</returns>
    public static string? Obstacle(OrtSession session) => session.ReadAssignedNodes().Select(node => node.OperatorType).FirstOrDefault(Unrecordable.Contains);
}
