using Gateway.Protocol.Tensors;

namespace Gateway.OnnxRuntime.Values;

/// <summary>What a model says of one of its inputs, outputs or overridable initializers.</summary>
/// <remarks>Threading: immutable.</remarks>
public sealed class OrtValueInfo
{
    internal OrtValueInfo(string name, OrtValueKind kind, DataType elementType, string typeName, IReadOnlyList<OrtDimension>? dimensions)
    {
        Name = name;
        Kind = kind;
        ElementType = elementType;
        TypeName = typeName;
        Dimensions = dimensions;
    }

    public string Name { get; }

    public OrtValueKind Kind { get; }

    /// <summary><see cref="DataType.Invalid"/> when it is not a tensor, or one of a type that the protocols have no word for.</summary>
    public DataType ElementType { get; }

    /// <summary>ONNX's name of the element type of a tensor, or of the kind of anything else, for messages.</summary>
    public string TypeName { get; }

    /// <summary>Empty for a scalar; null when the model leaves even the number of dimensions open, and when it is not a tensor.</summary>
    public IReadOnlyList<OrtDimension>? Dimensions { get; }

    /// <summary>Why it cannot travel in a protocol's tensor, in words that follow its name; null when it can.</summary>
    public string? WhyUnsupported =>
        Kind != OrtValueKind.Tensor ? $"is a {TypeName}, not a tensor" :
        ElementType == DataType.Invalid ? $"has element type {TypeName}, which the protocols have no type for" : null;

    public override string ToString() =>
        Dimensions == null ? $"{Name}: {TypeName}[...]" : $"{Name}: {TypeName}[{string.Join(',', Dimensions)}]";
}
