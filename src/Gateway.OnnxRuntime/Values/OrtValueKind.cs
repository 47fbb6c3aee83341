namespace Gateway.OnnxRuntime.Values;

/// <summary>What a value of a model is; the numbers are those of the C header's <c>ONNXType</c>.</summary>
public enum OrtValueKind
{
    Unknown = 0,
    Tensor = 1,
    Sequence = 2,
    Map = 3,
    Opaque = 4,
    SparseTensor = 5,
    Optional = 6,
}
